"""What stands beside the group's offsets, and whose it is."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupLoadInProgressError,
    IllegalGenerationError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from processor.engine import claims
from processor.engine.claims import (
    Claim,
    ClaimRefusedError,
    Word,
    claim,
    claim_name,
    decode_claim,
    encode_claim,
)
from processor.engine.ownership import Membership

A, B = TopicPartition("a", 2), TopicPartition("b", 0)
ME = Membership("me", 7)
CLAIMS = {A: Claim(5, "me-7", Word.CLAIMED), B: Claim(0, "me-7", Word.UNREAD)}


@pytest.mark.parametrize("word", list(Word))
def test_a_claim_is_read_as_it_was_written(word: Word) -> None:
    """S9: whom to fence, and what the offset says, survive the way through the group's offsets."""
    assert decode_claim(5, encode_claim("group-7-a-2", word)) == Claim(5, "group-7-a-2", word)


@pytest.mark.parametrize(
    "metadata",
    ["", "by hand", "[]", "{}", "5", '{"v":2,"holder":"x","word":"counted"}', '{"v":1,"holder":"x"}'],
)
def test_what_others_wrote_names_nobody_and_is_an_offset(metadata: str) -> None:
    """S17: a tool that moves offsets is taken at its word."""
    assert decode_claim(5, metadata) == Claim(5, "", Word.COUNTED)


def test_no_two_members_of_a_generation_share_a_name() -> None:
    """S9: members own disjoint sources; the next generation's names are others."""
    assert claim_name("group", 7, [B, A]) == "group-7-a-2"
    assert claim_name("group", 7, [B]) != claim_name("group", 7, [A]) != claim_name("group", 8, [A])


class Coordinator:
    """Stands in for the client's: what it is asked, and what it answers in turn."""

    group_id = "group"

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.deaths = 0

    async def ensure_coordinator_known(self) -> None:
        """Known."""

    def coordinator_dead(self) -> None:
        self.deaths += 1

    async def _send_req(self, request: Any) -> Any:
        self.asked.append(request)
        code = self.answers.pop(0)
        return SimpleNamespace(topics=[("a", [(2, 0)]), ("b", [(0, code)])])


async def ask(coordinator: Coordinator) -> None:
    consumer: Any = SimpleNamespace(_coordinator=coordinator)
    await claim(consumer, ME, CLAIMS)


async def test_a_claim_is_made_in_the_generation_of_its_assignment() -> None:
    """S9: not in the one that the client is in by then: its coordinator would take that from anybody."""
    coordinator = Coordinator(0)
    await ask(coordinator)
    (request,) = coordinator.asked
    built = request
    assert (built._consumer_group_generation_id, built._consumer_id) == (7, "me")
    assert dict(built._topics) == {
        "a": [(2, 5, encode_claim("me-7", Word.CLAIMED))],
        "b": [(0, 0, encode_claim("me-7", Word.UNREAD))],
    }


@pytest.mark.parametrize("error", [IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError])
async def test_a_member_that_the_group_has_left_behind_claims_nothing(error: Any) -> None:
    """S9, S10: its assignment is over; no retry may turn the refusal into a claim."""
    coordinator = Coordinator(error.errno)
    with pytest.raises(ClaimRefusedError, match=error.__name__):
        await ask(coordinator)
    assert len(coordinator.asked) == 1


async def test_a_claim_waits_for_its_coordinator(monkeypatch: pytest.MonkeyPatch) -> None:
    """S11: one that loads is asked again, one that has moved is looked for."""
    monkeypatch.setattr(claims, "_RETRY_S", 0.0)
    coordinator = Coordinator(GroupLoadInProgressError.errno, NotCoordinatorForGroupError.errno, 0)
    await ask(coordinator)
    assert len(coordinator.asked) == 3
    assert coordinator.deaths == 1


async def test_a_claim_without_the_right_is_told() -> None:
    """X10: what no retry mends ends the worker."""
    with pytest.raises(GroupAuthorizationFailedError):
        await ask(Coordinator(GroupAuthorizationFailedError.errno))

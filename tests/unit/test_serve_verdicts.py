"""Verdicts where they show: over HTTP, and as advice to an installer."""

from datetime import UTC, datetime

import orjson
import pytest

from processor.serve.advice import advise
from schemas.overrides import HeldVerdict
from tests.asking import Asker
from tests.served import EVIL, answers_of, record, stats, verdicts

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def asker() -> Asker:
    return Asker(answers_of(
        [stats("bad", 2, 20), stats("few", 0, 3), stats("x", 5, 5), stats("y", 5, 5), stats("good", 9, 0)],
        verdicts=[
            verdicts("bad", ("problematic", None), ("deprecated_in_use", None)),
            verdicts("x", ("conflicts_with", "y")),
            verdicts("y", ("conflicts_with", "x")),
            verdicts(EVIL, ("frequently_removed", None)),
            verdicts("mended"),
        ],
    ))  # fmt: skip


async def test_a_component_carries_its_verdicts(asker: Asker) -> None:
    """The evidence and the sentence stand in the answer; what nothing is held against has an empty list."""
    row = (await asker.get("/v1/components/bad")).json
    assert [each["kind"] for each in row["verdicts"]] == ["problematic", "deprecated_in_use"]
    assert row["verdicts"][0]["reason"] == "Because of problematic."
    assert (await asker.get("/v1/components/good")).json["verdicts"] == []


async def test_a_shrunk_rate_knows_how_little_it_rests_on(asker: Asker) -> None:
    """0 of 3 stays near the fleet's rate; without totals that is 1. The plain multiplier is as ever."""
    row = (await asker.get("/v1/components/few")).json
    assert (row["score_multiplier"], row["shrunk_rate"]) == (0.0, round(20 / 23, 4))
    names = (
        "partition",
        "sessions",
        "mass_failures",
        "usage_count",
        "removal_count",
        "deprecations",
        "hosts",
    )
    totals = dict.fromkeys(names, 0) | {"install_successes": 50, "install_failures": 50}
    asker.context.answers.take_totals([record(b"0", orjson.dumps(totals))])
    assert (await asker.get("/v1/components/few")).json["shrunk_rate"] == round(10 / 23, 4)


async def test_scores_carry_the_kinds(asker: Asker) -> None:
    """A scoring service gets the kinds, the gravest first."""
    told = (await asker.post("/v1/scores", {"component_ids": ["bad", "x", "good", "never"]})).json["scores"]
    assert [each["verdicts"] for each in told] == [
        ["problematic", "deprecated_in_use"], ["conflicts_with"], [], []
    ]  # fmt: skip


async def test_scores_tell_shrunk_rates_to_who_asks(asker: Asker) -> None:
    """The shrunk rate of each, as a component's own answer has it, and of an unknown one the fleet's."""
    ids = ["few", "never", "good"]
    told = (await asker.post("/v1/scores", {"component_ids": ids, "shrunk": True})).json["scores"]
    assert [each["shrunk_rate"] for each in told] == [round(20 / 23, 4), 1.0, 1.0]
    assert [each["score_multiplier"] for each in told] == [0.0, 1.0, 1.0]
    plain = (await asker.post("/v1/scores", {"component_ids": ids})).json["scores"]
    assert plain == [{name: each[name] for name in each if name != "shrunk_rate"} for each in told]


async def test_verdicts_are_listed_page_by_page(asker: Asker) -> None:
    """By id, all kinds or one; what was mended is not there."""
    page = (await asker.get("/v1/verdicts?limit=2")).json
    ids = [each["component_id"] for each in page["components"]]
    rest = (await asker.get(f"/v1/verdicts?after={page['next']}")).json
    ids += [each["component_id"] for each in rest["components"]]
    assert ids == sorted([EVIL, "bad", "x", "y"])
    assert rest["next"] is None
    only = (await asker.get("/v1/verdicts?kind=conflicts_with")).json
    assert [each["component_id"] for each in only["components"]] == ["x", "y"]
    assert (await asker.get("/v1/verdicts?kind=other")).status == 422


async def test_a_verdict_that_ended_leaves(asker: Asker) -> None:
    """A tombstone, or a row that only remembers, takes it away; a bad record changes nothing."""
    rows = asker.context.answers
    rows.take_verdicts([record(b"bad", b"{"), record(b"bad", verdicts("x")[1])])
    assert "bad" in rows.verdicts.kinds
    assert rows.bad_rows == 2
    rows.take_verdicts([record(b"bad", None), record(*verdicts("x"))])
    assert sorted(rows.verdicts.kinds) == sorted([EVIL, "y"])


async def test_the_feed_and_the_badge_tell_of_a_breakage(asker: Asker) -> None:
    """A verdict is news before the plain rule sees it, with its sentence; the badge turns red."""
    rows = asker.context.answers
    rows.take_stats([record(*stats("broke", 90, 10))])
    before = (await asker.get("/v1/components/broke/badge.svg")).body
    rows.take_verdicts([record(*verdicts("broke", ("problematic", None)))])
    (entry,) = [
        each
        for each in (await asker.get("/v1/feeds/problematic.json")).json["items"]
        if "broke" in each["id"]
    ]
    assert entry["title"] == "broke fails more often than usual"
    assert entry["content_text"].endswith("removals. Because of problematic.")
    assert entry["date_published"] == "2026-02-03T04:05:06.000007Z"
    assert b"Because of problematic." in (await asker.get("/v1/feeds/problematic.atom")).body
    red = (await asker.get("/v1/components/broke/badge.svg")).body
    assert (b"#c62828" in before, b"#c62828" in red) == (False, True)


@pytest.mark.parametrize(
    ("component_id", "others", "word"),
    [
        ("bad", [], "hold"),
        ("x", [], "go"),
        ("x", ["y"], "hold"),
        ("x", ["z"], "go"),
        (EVIL, [], "warn"),
        ("good", ["bad", "x"], "go"),
        ("never", [], "go"),
    ],
)
async def test_the_gate_answers_an_installer(
    asker: Asker, component_id: str, others: list[str], word: str
) -> None:
    """Held is what fails, and who is in conflict with what is there; the unwelcome is warned of."""
    told = (await asker.post("/v1/gate", {"component_id": component_id, "others": others})).json
    assert (told["component_id"], told["word"]) == (component_id, word)
    assert told["reason"] == "Nothing is held against it." if word == "go" else told["reason"]


async def test_a_wrong_question_for_the_gate_is_a_problem(asker: Asker) -> None:
    """X1: limits on every input."""
    for body in ({}, {"component_id": ""}, {"component_id": "a", "others": "b"}, b"{"):
        assert (await asker.post("/v1/gate", body)).status == 422


def test_a_conflict_is_seen_from_the_other_side_too() -> None:
    """Where only the other component's row names the conflict, it holds all the same."""
    held = HeldVerdict.model_validate_json(
        b'{"kind":"conflicts_with","other":"a","since":"2026-01-01T00:00:00Z","reason":"r","confidence":1,'
        b'"evidence":{"window":"ever"}}'
    )
    told = advise("a", ["b"], {"b": [held]}, NOW)
    assert (told.word, told.reasons[0].component_id) == ("hold", "b")
    assert advise("a", ["a"], {"b": [held]}, NOW).word == "go"

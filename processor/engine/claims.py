"""Who may commit for a source: written beside the group's offset of that source, as its metadata.

A worker commits all its sources under one transactional id, which is new in each generation of the group. A
new owner reads which id commits for a source now, shuts that id out, restores what is then final, and claims
the source for an id of its own. The group's coordinator takes a claim only from a member of the generation
that it is made in, so claims come in the order of generations, and whoever committed last is always known:

- An owner of an earlier generation is known by its claim, and fenced. It cannot claim anew: its generation is
  over.
- One that froze before its claim has committed nothing under the id that it would have claimed, and will not:
  its claim is refused.

A source that is kept is claimed again in each generation. So the id of an earlier generation is nobody's any
more when it is fenced.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    IllegalGenerationError,
    KafkaError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.commit import OffsetCommitRequest

from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError
from processor.engine.ownership import Membership
from processor.engine.producers import FencedProducer

__all__ = [
    "Claim",
    "ClaimRefusedError",
    "Word",
    "claim",
    "claim_name",
    "claiming_producer",
    "decode_claim",
    "encode_claim",
    "fence",
    "read_claims",
]

VERSION = 1
_RETRY_S = 0.1
_BROKERS_RETENTION = -1
_GONE_ON = (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


class ClaimRefusedError(EngineError):
    """The group has gone on without this member: what it was given is no longer its own."""


class Word(StrEnum):
    """What an offset of the group's says."""

    UNREAD = "unread"
    """Claimed before anything was ever counted: nothing."""
    CLAIMED = "claimed"
    """The source was counted up to there when it was claimed; a late copy may come after a commit."""
    COUNTED = "counted"
    """The source is counted up to there. That is also what a tool means that moves offsets."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What stands beside the group's offset of a source.

    Attributes:
        offset: the offset.
        holder: the transactional id that commits for the source; empty if the offset is not ours.
        word: what the offset says.
    """

    offset: int
    holder: str
    word: Word = Word.COUNTED


def claim_name(app_id: str, generation: int, sources: Iterable[TopicPartition]) -> str:
    """Return the transactional id of a member in a generation: no two have the same first source.

    Args:
        app_id: the consumer group, with whose name it begins.
        generation: the group's.
        sources: what the member was given, not nothing.
    """
    first = min(sources)
    return f"{app_id}-{generation}-{first.topic}-{first.partition}"


def encode_claim(holder: str, word: Word) -> str:
    """Return the metadata of an offset."""
    return orjson.dumps({"v": VERSION, "holder": holder, "word": word}).decode()


def decode_claim(offset: int, metadata: str) -> Claim:
    """Read an offset's metadata; that of others, such as a tool that moves offsets, names nobody."""
    try:
        found = orjson.loads(metadata)
        if found["v"] == VERSION:
            return Claim(offset, str(found["holder"]), Word(found["word"]))
    except (ValueError, KeyError, TypeError):
        pass
    return Claim(offset, "")


async def read_claims(
    config: EngineConfig, sources: Collection[TopicPartition]
) -> dict[TopicPartition, Claim]:
    """Return the claims of those sources that have one.

    Raises:
        KafkaError: the broker refused, or nobody coordinated the group for as long as a request may take.
    """
    if not sources:
        return {}
    loop = asyncio.get_running_loop()
    until_s = loop.time() + config.request_timeout_ms / 1000
    admin = AIOKafkaAdminClient(**config.clients())  # a consumer's `committed` leaves the metadata out
    try:
        await admin.start()
        while True:
            try:
                found = await admin.list_consumer_group_offsets(config.app_id, partitions=list(sources))
                break
            except KafkaError as error:  # a coordinator that moves, or has just come back, is asked again
                if not error.retriable or loop.time() > until_s:
                    raise
            await asyncio.sleep(_RETRY_S)
    finally:
        await admin.close()
    return {
        source: decode_claim(each.offset, each.metadata) for source, each in found.items() if each.offset >= 0
    }


def claiming_producer(config: EngineConfig, holder: str) -> FencedProducer:
    """Return a producer whose commits say that they are this holder's."""
    return FencedProducer(config, holder, encode_claim(holder, Word.COUNTED))


async def fence(config: EngineConfig, holders: Iterable[str]) -> None:
    """Shut transactional ids out; what they had begun is aborted, what they had decided is completed.

    Raises:
        KafkaError: the broker refused.
    """
    await asyncio.gather(*(_fence(config, holder) for holder in holders))


async def _fence(config: EngineConfig, holder: str) -> None:
    producer = FencedProducer(config, holder)
    try:
        await producer.start()
    finally:
        await producer.stop()


async def claim(
    consumer: AIOKafkaConsumer, membership: Membership, claims: Mapping[TopicPartition, Claim]
) -> None:
    """Write who commits for sources from now on.

    Args:
        consumer: the group's member.
        membership: as whom, and in which generation; not what the member has become meanwhile.
        claims: by source.

    Raises:
        ClaimRefusedError: the group has gone on to another generation.
        KafkaError: the broker refused for another reason.
    """
    coordinator: Any = consumer._coordinator  # noqa: SLF001 -- the public `commit` takes the newest generation
    offsets = defaultdict(list)
    for source, each in claims.items():
        offsets[source.topic].append((source.partition, each.offset, encode_claim(each.holder, each.word)))
    while True:
        await coordinator.ensure_coordinator_known()
        request = OffsetCommitRequest(
            coordinator.group_id,
            membership.generation,
            membership.member_id,
            _BROKERS_RETENTION,
            list(offsets.items()),
        )
        try:
            _check(await coordinator._send_req(request))  # noqa: SLF001 -- as above
        except KafkaError as error:
            if not error.retriable:
                raise
            if isinstance(error, NotCoordinatorForGroupError):
                coordinator.coordinator_dead()
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _check(answer: Any) -> None:
    """Raise what the coordinator says of any source."""
    for topic, partitions in answer.topics:
        for partition, code in partitions:
            kind = for_code(code)
            if issubclass(kind, _GONE_ON):
                raise ClaimRefusedError(f"the group has gone on: {kind.__name__}")
            if code:
                raise kind(f"{topic}[{partition}]")

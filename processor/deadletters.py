"""Dead letters as they stand on their topic: what came, why it was no event, and whether it was replayed.

A letter is known by its place on the topic, `PARTITION:OFFSET`. A replay leaves a marker in the letter's own
partition, in the same transaction as the copy that it sends: an empty record whose one header names the
letter. It is younger than the letter, so it stays for as long as the letter does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from processor.domain.routing import VOID_HEADER
from processor.serve.reader import read_topic
from processor.settings import Settings
from schemas.topics import DEAD_LETTERS

__all__ = ["REPLAYED_HEADER", "Letter", "Place", "Wanted", "marker", "read_letters"]

Place = tuple[int, int]
"""Partition and offset on `dead-letters`."""

REPLAYED_HEADER = "fleetfold-replayed"

_STORED_BYTES_MAX = 65_536  # of a key and of a value: what intake keeps


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        place: where it stands.
        buried_ms: when it was put there, in milliseconds since the epoch.
        key: the record's key, at most 64 KiB of it.
        value: the record's value, at most 64 KiB of it.
        reason: why it is no event: a code.
        field: the field at fault; "" if it is the whole.
        origin: topic, partition and offset where it stood; ("", -1, -1) if its headers do not say.
        time_ms: the time of the record, -1 if unknown.
        size: how many bytes the value had, -1 if unknown.
        is_void: a correction had taken the event back before a rebuild read it.
        copy_of: if it was a forwarded copy, where its original stands: topic, partition and offset.
    """

    place: Place
    buried_ms: int
    key: bytes | None
    value: bytes
    reason: str
    field: str
    origin: tuple[str, int, int]
    time_ms: int
    size: int
    is_void: bool = False
    copy_of: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether key and value are kept in full; a key that fills its room may have been cut."""
        return self.size == len(self.value) and len(self.key or b"") < _STORED_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant: all, or those of a reason, or those buried since (ms since the epoch)."""

    reason: str | None = None
    since_ms: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is one of them."""
        return (self.reason is None or letter.reason == self.reason) and (
            self.since_ms is None or letter.buried_ms >= self.since_ms
        )


async def read_letters(settings: Settings, on_letter: Callable[[Letter], None]) -> set[Place]:
    """Hand every letter to `on_letter`, each partition in its order; return the places of the replayed ones.

    Raises:
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers, or it does not finish.
    """
    replayed: set[Place] = set()

    def on_records(records: list[Any]) -> None:
        for record in records:
            headers = {name: value or b"" for name, value in record.headers}
            marked = headers.get(REPLAYED_HEADER)
            if marked is None:
                on_letter(_letter(record, headers))
            elif marked.isdigit():
                replayed.add((record.partition, int(marked)))

    await read_topic(settings.topic(DEAD_LETTERS), settings.kafka_options(), on_records)
    return replayed


def marker(letter: Letter) -> list[tuple[str, bytes]]:
    """Return the headers of the record that marks a letter, in its own partition, as replayed."""
    return [(REPLAYED_HEADER, b"%d" % letter.place[1])]


def _letter(record: Any, headers: Mapping[str, bytes]) -> Letter:
    def text(name: str) -> str:
        return headers.get(f"fleetfold-{name}", b"").decode(errors="backslashreplace")

    def number(name: str) -> int:
        stated = headers.get(f"fleetfold-{name}", b"")
        return int(stated) if stated.removeprefix(b"-").isdigit() else -1

    return Letter(
        place=(record.partition, record.offset),
        buried_ms=record.timestamp,
        key=record.key,
        value=record.value or b"",
        reason=text("reason"),
        field=text("field"),
        origin=(text("topic"), number("partition"), number("offset")),
        time_ms=number("time"),
        size=number("size"),
        is_void=VOID_HEADER in headers,
        copy_of=text("from"),
    )

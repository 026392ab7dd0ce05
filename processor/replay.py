"""Replaying a dead letter, once it is an event to the code of today: counted once, however often it is tried.

A replay is a forwarded copy of the record that could not be read: the original's bytes and key in its host's
partition, with where the original stood (`fleetfold-from`) and when (`fleetfold-time`). So the event keeps
its first time, and a rebuild, which reads the originals with the code of today, passes the copies over.

Copies and markers go out in transactions under one id. Whoever starts a replay first shuts out, and ends what
is in hand of, every other; only then it reads which letters are marked. So no letter is sent twice, not by a
second run, not by two at a time, and not after a crash in the middle.

What a correction took back is refused: its original stands before the end that the correction wrote down. A
correction that is made while letters are on their way ends the transaction that they are in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from processor.admin import admin_client
from processor.correct.audit import read_corrections
from processor.deadletters import Letter, Wanted, marker, read_letters
from processor.domain.config import FoldConfig
from processor.domain.corrections import Corrections
from processor.domain.decode import decode_one
from processor.domain.partition import partition_of
from processor.domain.record import FROM_HEADER, TIME_HEADER, DeadLetter
from processor.domain.routing import VOID_HEADER
from processor.errors import FleetfoldError, TopicsError
from processor.fenced import Record, fenced_producer, send_all
from processor.generations import corrections_end
from processor.settings import Settings
from schemas.topics import DEAD_LETTERS, OUTCOME_EVENTS

__all__ = ["Copy", "Replay", "ReplayError", "copy_of", "plan", "replay"]

_CHUNK = 500  # letters in one transaction


class ReplayError(FleetfoldError):
    """The replay could not be finished; what was committed is marked, and will not be sent again."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is sent for a letter; a record as the folds see one."""

    partition: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    offset: int = 0


@dataclass(slots=True)
class Replay:
    """What becomes of the letters that were asked for.

    Attributes:
        ready: letters with their copies, to be sent or sent.
        done_before: letters that were replayed earlier.
        refused: letters that cannot be replayed, each with why.
        corrections: where `corrections` ended before it was read.
    """

    ready: list[tuple[Letter, Copy]] = field(default_factory=list)
    done_before: list[Letter] = field(default_factory=list)
    refused: list[tuple[Letter, str]] = field(default_factory=list)
    corrections: int = 0


def copy_of(letter: Letter, partitions: int, config: FoldConfig) -> Copy | str:
    """Return what to send for a letter, or why it cannot be replayed.

    Args:
        letter: the dead letter.
        partitions: how many the topic has that intake reads.
        config: the folds' settings.
    """
    topic, partition, offset = letter.origin
    if offset < 0 or letter.size < 0:
        return "its headers do not say where it came from"
    if not letter.is_whole:
        return f"only {len(letter.value)} of its {letter.size} bytes are kept, or only the start of its key"
    headers = (
        (FROM_HEADER, (letter.copy_of or f"{topic}/{partition}/{offset}").encode()),
        (TIME_HEADER, b"%d" % max(letter.time_ms, 0)),
        *(((VOID_HEADER, b"1"),) if letter.is_void else ()),  # known to a rebuilt generation, not counted
    )
    copy = Copy(0, letter.key, letter.value, headers, letter.time_ms)
    event = decode_one(copy, config)
    if event is None:
        return "it has no value"
    if isinstance(event, DeadLetter):
        return f"still no event: {event.reason}" + (f" {event.field}" if event.field else "")
    home = partition_of(event.host, partitions)
    return Copy(home, letter.key, letter.value, headers, letter.time_ms)


async def plan(settings: Settings, wanted: Wanted) -> Replay:
    """Return what a replay would do now; nothing is written.

    Raises:
        TopicsError: a topic is missing, or no right to read it.
        KafkaUnavailableError: no broker answers, or it does not finish.
        SettingsError: settings of the folds do not fit together.
    """
    options, topic = settings.kafka_options(), settings.intake_topic
    async with admin_client(options) as admin:
        partitions = len((await admin.leaders([topic])).get(topic, ()))
    if not partitions:
        raise TopicsError(f"there is no topic {topic}: make it with `fleetfold topics create`")
    letters: list[Letter] = []

    def on_letter(letter: Letter) -> None:
        if wanted.takes(letter):
            letters.append(letter)

    replayed = await read_letters(settings, on_letter)
    end, corrections = await corrections_end(settings), await read_corrections(settings)
    config, events = settings.fold_config(), settings.topic(OUTCOME_EVENTS)
    found = Replay(corrections=end)
    for letter in letters:
        if letter.place in replayed:
            found.done_before.append(letter)
            continue
        copy = copy_of(letter, partitions, config)
        is_marked, on_log = letter.is_void, letter.origin[0] == events  # what is marked counts nothing anyway
        if isinstance(copy, Copy) and not is_marked and _is_void(copy, corrections, config, on_log=on_log):
            copy = "a correction took its event back"
        if isinstance(copy, Copy):
            found.ready.append((letter, copy))
        else:
            found.refused.append((letter, copy))
    return found


def _is_void(copy: Copy, corrections: Corrections, config: FoldConfig, *, on_log: bool) -> bool:
    """Say whether a correction took an event back; of a routed one the place on the log is not known."""
    event = decode_one(copy, config) if corrections else None
    if event is None or isinstance(event, DeadLetter):
        return False
    return corrections.is_void(event, copy.partition if on_log else None)


async def replay(settings: Settings, wanted: Wanted) -> Replay:
    """Send the letters that can be replayed and were not yet, and mark them.

    Raises:
        ReplayError: another replay took over, or a correction was made meanwhile.
        TopicsError, KafkaUnavailableError, SettingsError: as `plan`.
    """
    shut_out = ReplayError("another replay was started and took over; nothing is sent twice")
    async with fenced_producer(settings, f"{settings.group}-dead-letter-replay", shut_out) as producer:
        found = await plan(settings, wanted)
        for first in range(0, len(found.ready), _CHUNK):
            await _send(producer, settings, found, found.ready[first : first + _CHUNK])
    return found


async def _send(
    producer: AIOKafkaProducer, settings: Settings, found: Replay, chunk: Sequence[tuple[Letter, Copy]]
) -> None:
    """Send copies and their markers in one transaction, unless a correction was made since the plan."""
    events, letters = settings.intake_topic, settings.topic(DEAD_LETTERS)
    records = []
    for letter, copy in chunk:
        records.append(Record(events, copy.partition, copy.key, copy.value, copy.headers))
        records.append(Record(letters, letter.place[0], None, b"", marker(letter)))
    async with producer.transaction():
        await send_all(producer, records)
        if await corrections_end(settings) != found.corrections:
            raise ReplayError("a correction was made meanwhile: run it again, it asks what that takes back")

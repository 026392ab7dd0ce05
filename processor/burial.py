"""Dead letters: where records that are no events go, and when there are too many of them to go on."""

from collections.abc import Sequence

from aiokafka import TopicPartition

from processor.domain.deadletters import DeadLetterGauge
from processor.domain.door import TOO_MANY_HOSTS
from processor.domain.record import FROM_HEADER, DeadLetter, header_of, record_ms
from processor.domain.routing import VOID_HEADER
from processor.engine.errors import LimitError
from processor.engine.transaction import Transaction
from processor.settings import Settings
from schemas.topics import DEAD_LETTERS

__all__ = ["Burial", "dead_letter_headers"]

DEAD_LETTER_BYTES_MAX = 65_536


class Burial:
    """The dead letters of one worker.

    Args:
        settings: the process's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gauges: dict[int, DeadLetterGauge] = {}

    def bury(
        self, source: TopicPartition, records: int, letters: Sequence[DeadLetter], transaction: Transaction
    ) -> None:
        """Write the dead letters of some records.

        Args:
            source: where they were read.
            records: how many were read, the dead ones included.
            letters: those that are no events.
            transaction: of which they become part.

        Raises:
            LimitError: too many of the partition's recent records are dead letters (X8).
        """
        self._judge(source, records, letters)
        topic = self._settings.topic(DEAD_LETTERS)
        for letter in letters:
            record = letter.record
            value = record.value[:DEAD_LETTER_BYTES_MAX] if record.value is not None else None
            key = record.key[:DEAD_LETTER_BYTES_MAX] if record.key is not None else None
            at = source.partition % self._settings.partitions
            transaction.send(topic, at, key, value, dead_letter_headers(source, letter))

    def _judge(self, source: TopicPartition, records: int, letters: Sequence[DeadLetter]) -> None:
        settings = self._settings
        gauge = self._gauges.get(source.partition)
        if gauge is None:
            gauge = DeadLetterGauge(settings.dead_letter_limit, settings.dead_letter_window)
            self._gauges[source.partition] = gauge
        # A flood of made-up hosts must not stop the worker: the limit is for publishers that send no events.
        bad = [letter for letter in letters if letter.reason != TOO_MANY_HOSTS]
        share = gauge.add(records, len(bad))
        if share is None:
            return
        worst = bad[-1]
        raise LimitError(
            f"{share:.0%} of the recent records of {source.topic}[{source.partition}] are dead letters, "
            f"over the limit of {settings.dead_letter_limit:.0%}; the last: {worst.reason} {worst.field!r} "
            f"at offset {worst.record.offset}. Mend the publisher and skip its records, or raise "
            "FLEETFOLD_DEAD_LETTER_LIMIT (1.0 turns the limit off)",
        )


def dead_letter_headers(source: TopicPartition, letter: DeadLetter) -> list[tuple[str, bytes]]:
    """What a person needs to know of a dead letter, beside its bytes.

    Args:
        source: where it came from.
        letter: the record with its reason.

    Returns:
        Headers: reason code, field, where it stood, its time (milliseconds), its full size (bytes), and the
        mark of a void event, if it has one. Of a forwarded copy also where its original stands, and the
        time is that one's.
    """
    record = letter.record
    is_void = bool(record.headers) and header_of(record, VOID_HEADER) is not None
    original = header_of(record, FROM_HEADER) if record.headers else None
    return [
        ("fleetfold-reason", letter.reason.encode()),
        ("fleetfold-field", letter.field.encode()),
        ("fleetfold-topic", source.topic.encode()),
        ("fleetfold-partition", b"%d" % source.partition),
        ("fleetfold-offset", b"%d" % record.offset),
        ("fleetfold-time", b"%d" % record_ms(record)),
        ("fleetfold-size", b"%d" % len(record.value or b"")),
        *([(VOID_HEADER, b"1")] if is_void else []),
        *([(FROM_HEADER, original)] if original is not None else []),
    ]

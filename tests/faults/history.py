"""A seeded history without end, with all that a fleet sends: events, copies, strays, bad records."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from processor.domain.partition import partition_of
from tests.bench.events import generate

__all__ = ["Record", "history"]

WITHOUT_END = 10**9
BAD_SHARE, STRAY_SHARE = 0.01, 0.02
# What must become of each, written apart from the code that decides it; %d makes every value another one.
BAD_VALUES = {
    b"not json %d": b"not_json",
    b"[%d]": b"not_an_object",
    b'{"component_id":"c%d","outcome_type":"exploded"}': b"unknown_outcome_type",
    b'{"component_id":%d,"outcome_type":"used_in_session"}': b"wrong_type",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What is published, and where; `reason` is that of its dead letter, empty for a good event."""

    key: bytes
    value: bytes
    partition: int
    reason: bytes = b""


def history(seed: int, partitions: int) -> Iterator[Record]:
    """Yield records without end; the same seed yields the same.

    Args:
        seed: of all that is random.
        partitions: a stray is published to another of them than its key's.
    """
    rng = random.Random(seed)
    bad_values = list(BAD_VALUES.items())
    events = generate(WITHOUT_END, hosts=500, components=300, seed=seed)
    for number, (key, value) in enumerate(events):
        home = partition_of(key, partitions)
        dice = rng.random()
        if dice < BAD_SHARE:
            template, reason = rng.choice(bad_values)
            yield Record(key, template % number, home, reason)
        stray = partitions > 1 and dice > 1 - STRAY_SHARE
        yield Record(key, value, (home + 1) % partitions if stray else home)

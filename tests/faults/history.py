"""A seeded history without end, with all that a fleet sends: events, copies, strays, bad and old ones."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from processor.domain.partition import partition_of
from tests.bench.events import START, generate

__all__ = ["Record", "history"]

WITHOUT_END = 10**9
BAD_SHARE, STRAY_SHARE = 0.01, 0.02
# Every so many events is an old one: at first of 100 days ago, an hour less for each eight events' time, and
# a few hours or days more for some. So under every fault histories move on by days, and get late events.
OLD_EVERY, OLDEST, EIGHT_EVENTS = 5, timedelta(hours=2_400), timedelta(milliseconds=8)
OLDER_H = (0, 1, 30, 50)
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
        yield Record(key, _older(value), (home + 1) % partitions if stray else home)


def _older(value: bytes) -> bytes:
    """Return an event, or the same with an older time; which follows from itself: copies stay copies.

    Failures are left as they are: which of them are late depends on the order in which strays arrive.
    """
    event = orjson.loads(value)
    dice = int(event["event_id"][-4:], 16)
    if dice % OLD_EVERY or event["outcome_type"] == "install_failure":
        return value
    at = datetime.fromisoformat(event["timestamp"])
    back = max(OLDEST - (at - START) // EIGHT_EVENTS * timedelta(hours=1), timedelta())
    at -= back + timedelta(hours=OLDER_H[dice // OLD_EVERY % len(OLDER_H)])
    return orjson.dumps(event | {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")})

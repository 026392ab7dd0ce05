"""The benchmark's events: a seeded fleet, made fast enough that making them is not what is measured.

Components in a Zipf spread, 8 % failures that come in bursts on one host, 1 % duplicates, 5 % of the bursts
out of order; values of 214 bytes on average. Event times run on by a millisecond an event.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

__all__ = ["component_id", "each_component_once", "generate", "host_id"]

Event = tuple[bytes, bytes]

START = datetime(2026, 1, 2, tzinfo=UTC)
STEP_MS = 1
CHUNK = 10_000
RECENT = 1_000  # a duplicate repeats one of so many events before it
FAILURE_SHARE, DUPLICATE_SHARE, DISORDER_SHARE = 0.08, 0.01, 0.05
BURST_LENGTHS = (2, 3, 4, 5, 6)
BURST_SHARE = FAILURE_SHARE / (sum(BURST_LENGTHS) / len(BURST_LENGTHS))
# Each failure of a burst stands up to this many milliseconds after the one before: a few bursts break in two.
BURST_STEP_MS = 30_000
OUTCOMES = (b"install_success", b"used_in_session", b"removed_by_user")
OUTCOME_WEIGHTS = (70, 18, 4)
CONTEXT = b"exit 1"

_VALUE = (
    b'{"component_id":"%b","outcome_type":"%b","timestamp":"%bZ","context":"%b",'
    b'"event_id":"%b-%b-7%b-8%b-%b","host_id":"%b"}'
)


def host_id(number: int) -> bytes:
    """The name of one host."""
    return b"host-%06d" % number


def component_id(number: int) -> bytes:
    """The name of one component."""
    return b"pkg:deb/debian/lib%d?arch=amd64" % number


def each_component_once(components: int, *, hosts: int = 20_000, seed: int = 1) -> Iterator[Event]:
    """Yield one successful install of each component, in random order: every row of `component-stats`."""
    rng = random.Random(seed)
    order = list(range(components))
    rng.shuffle(order)
    for number in order:
        ids = rng.randbytes(12).hex().encode()
        host = host_id(rng.randrange(hosts))
        yield _event(host, component_id(number), OUTCOMES[0], START, b"", ids, 0)


def generate(
    events: int, *, hosts: int = 20_000, components: int = 5_000, seed: int = 1, start: datetime = START
) -> Iterator[Event]:
    """Yield keys (host ids) and values of as many events; the same seed yields the same.

    Args:
        events: how many.
        hosts: on how many machines, all as busy.
        components: of how many components, the n-th 1/n as often as the first.
        seed: of all that is random.
        start: time of the first event.
    """
    # S311 does not hold in tests: what is wanted is speed and a seed.
    rng = random.Random(seed)
    host_ids = [host_id(number) for number in range(hosts)]
    component_ids = [component_id(number) for number in range(components)]
    weights = list(accumulate(1 / rank for rank in range(1, components + 1)))
    made = 0
    recent: list[Event] = []
    while made < events:
        chunk = _chunk(rng, made, host_ids, component_ids, weights, start, recent)
        yield from chunk[: events - made]
        made += len(chunk)
        recent = chunk[-RECENT:]


def _chunk(
    rng: random.Random,
    first: int,
    hosts: list[bytes],
    components: list[bytes],
    weights: list[float],
    start: datetime,
    recent: list[Event],
) -> list[Event]:
    """Return about CHUNK events, from event number `first` on."""
    chunk: list[Event] = []
    drawn_hosts = iter(rng.choices(hosts, k=CHUNK))
    drawn_components = iter(rng.choices(components, cum_weights=weights, k=2 * CHUNK + 1))
    drawn_outcomes = iter(rng.choices(OUTCOMES, OUTCOME_WEIGHTS, k=CHUNK))
    ids = rng.randbytes(12 * 2 * CHUNK).hex().encode()
    clock = start + timedelta(milliseconds=first * STEP_MS)
    step = timedelta(milliseconds=STEP_MS)
    at = 0
    while len(chunk) < CHUNK:
        dice = rng.random()
        if dice < DUPLICATE_SHARE and (chunk or recent):
            pool = chunk[-RECENT:] or recent
            chunk.append(pool[rng.randrange(len(pool))])
            continue
        clock += step
        host = next(drawn_hosts)
        if dice > 1 - BURST_SHARE:
            for time in _burst(rng, clock):
                chunk.append(_event(host, next(drawn_components), b"install_failure", time, CONTEXT, ids, at))
                at += 24
        else:
            chunk.append(_event(host, next(drawn_components), next(drawn_outcomes), clock, b"", ids, at))
            at += 24
    return chunk


def _burst(rng: random.Random, clock: datetime) -> list[datetime]:
    """Return the times of one host's burst of failures, a few of them out of order."""
    times = [clock]
    for _ in range(rng.choice(BURST_LENGTHS) - 1):
        times.append(times[-1] + timedelta(milliseconds=rng.randrange(BURST_STEP_MS)))
    if rng.random() < DISORDER_SHARE:
        rng.shuffle(times)
    return times


def _event(
    host: bytes, component: bytes, outcome: bytes, time: datetime, context: bytes, ids: bytes, at: int
) -> Event:
    when = time.isoformat(timespec="microseconds")[:26].encode()
    stamp = b"%012x" % (int(time.timestamp()) * 1000 + time.microsecond // 1000)
    event_id = (stamp[:8], stamp[8:], ids[at : at + 3], ids[at + 3 : at + 6], ids[at + 6 : at + 18])
    return host, _VALUE % (component, outcome, when, context, *event_id, host)

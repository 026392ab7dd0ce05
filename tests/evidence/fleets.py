"""Fleets that hide what the rules shall find, and much that they shall not: all drawn from a seed.

A fleet is watched for two weeks. Each session is one host installing a few components, seconds apart. Popular
ones come up more often (a Zipf spread), each component fails at a rate of its own, and some hosts fail more
at everything. What is hidden: components that mostly fail, one that was mended after a week, one that breaks
three hours before the end, pairs that clash in a share of the sessions in which they meet, chains of them.
What shall not be taken for anything: popular components, hosts on which dozens of components fail at once
(below and above the cap of mass failures), and half an hour in which a mirror fails everybody.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from schemas import OutcomeType

__all__ = ["BREAKS_US", "END_US", "MENDED_US", "SPAN_US", "Fleet", "Happening", "draw", "happenings"]

Happening = tuple[int, int, str, str]
"""When (microseconds since the epoch), on which host, what happened, to which component."""

_S: Final = 1_000_000
_HOUR_US: Final = 3_600 * _S
_DAY_US: Final = 24 * _HOUR_US
END_US: Final = 1_767_225_600 * _S + 37 * 60 * _S  # 2026-01-01, not on a full hour
SPAN_US: Final = 14 * _DAY_US
BREAKS_US: Final = END_US - 3 * _HOUR_US
MENDED_US: Final = END_US - 7 * _DAY_US
_INCIDENT_US: Final = 30 * 60 * _S

_HOSTS: Final = 1_500
_SESSIONS: Final = 60_000
_COMPONENTS: Final = 1_000
_POPULAR: Final = 12
_INSTALLS: Final = (2, 7)
_STRENGTHS: Final = (0.25, 0.4, 0.6, 0.9)
_EACH_STRENGTH: Final = 3
_MEETINGS: Final = (20, 240)
_INCIDENT_FAILS: Final = 0.6
_SHAKY_HOSTS: Final = 0.03
_SHAKY_TIMES: Final = 6.0
_MASS: Final = ((20, 2), (35, 2), (80, 3))

_SUCCESS, _FAILURE = OutcomeType.INSTALL_SUCCESS.value, OutcomeType.INSTALL_FAILURE.value
_USED, _REMOVED = OutcomeType.USED_IN_SESSION.value, OutcomeType.REMOVED_BY_USER.value


@dataclass(frozen=True, slots=True)
class Fleet:
    """What one fleet hides.

    Attributes:
        seed: it is drawn from this alone.
        bad: components, and the share of their installs that fails.
        mended: the same, until a week before the end.
        broken: the same, from three hours before the end on.
        conflicts: pairs a < b, and the share of their meetings in which both fail.
        meetings: in how many sessions each of these pairs meets on purpose.
        removed: components that people throw away.
        incident_us: when half an hour of failures for everybody begins.
    """

    seed: int
    components: tuple[str, ...]
    rates: tuple[float, ...]
    bad: dict[str, float]
    mended: dict[str, float]
    broken: dict[str, float]
    conflicts: dict[tuple[str, str], float]
    meetings: dict[tuple[str, ...], int]
    removed: frozenset[str]
    incident_us: int
    shaky: frozenset[int] = field(default=frozenset())


def draw(seed: int) -> Fleet:
    """Return the fleet of a seed."""
    rng = random.Random(f"fleet {seed}")
    components = tuple(f"pkg:sim/c{number:04}" for number in range(_COMPONENTS))
    well_known = list(components[_POPULAR : _COMPONENTS // 5])
    rng.shuffle(well_known)
    bad = {well_known.pop(): rng.uniform(0.65, 0.95) for _ in range(6)}
    mended = {well_known.pop(): rng.uniform(0.7, 0.95) for _ in range(3)}
    often = [each for each in components[_POPULAR : 3 * _POPULAR] if each in well_known]
    broken = {each: rng.uniform(0.6, 0.95) for each in rng.sample(often, 2)}
    removed = frozenset(well_known.pop() for _ in range(4)) - broken.keys()
    rest = [each for each in components[_POPULAR:] if each in well_known or each > components[200]]
    rest = [each for each in rest if each not in broken]
    rng.shuffle(rest)
    conflicts: dict[tuple[str, str], float] = {}
    meetings: dict[tuple[str, ...], int] = {}
    for strength in _STRENGTHS * _EACH_STRENGTH:
        a, b = sorted((rest.pop(), rest.pop()))
        conflicts[a, b] = strength
        meetings[a, b] = round(_MEETINGS[0] * (_MEETINGS[1] / _MEETINGS[0]) ** rng.random())
    for _ in range(2):  # a chain: the two ends clash with the middle, and meet each other only there
        a, middle, c = sorted((rest.pop(), rest.pop(), rest.pop()))
        conflicts[a, middle] = conflicts[middle, c] = 0.6
        meetings[a, middle, c] = 60
        meetings[a, middle] = meetings[middle, c] = 60
    return Fleet(
        seed=seed,
        components=components,
        rates=tuple(min(rng.betavariate(1.2, 40), 0.2) for _ in components),
        bad=bad,
        mended=mended,
        broken=broken,
        conflicts=conflicts,
        meetings=meetings,
        removed=removed,
        incident_us=END_US - SPAN_US + rng.randrange(SPAN_US // 4, SPAN_US // 4 * 3),
        shaky=frozenset(rng.sample(range(_HOSTS), round(_HOSTS * _SHAKY_HOSTS))),
    )


def happenings(fleet: Fleet) -> Iterator[Happening]:
    """Yield what happens to the fleet, each host's events in order of time."""
    rng = random.Random(f"happenings {fleet.seed}")
    begin_us = END_US - SPAN_US
    weights = list(accumulate(1 / (place + 4) for place in range(len(fleet.components))))
    planned: list[tuple[int, tuple[str, ...]]] = [
        (begin_us + rng.randrange(SPAN_US - 120 * _S), ()) for _ in range(_SESSIONS)
    ]
    for together, count in fleet.meetings.items():
        planned += [(begin_us + rng.randrange(SPAN_US - 120 * _S), together) for _ in range(count)]
    for size, count in _MASS:
        for _ in range(count):
            planned.append((begin_us + rng.randrange(SPAN_US - 120 * _S), fleet.components[:size]))
    planned.sort()
    rate = dict(zip(fleet.components, fleet.rates, strict=True))
    for begins_us, together in planned:
        at_us = begins_us
        host = rng.randrange(_HOSTS)
        if len(together) >= _MASS[0][0]:
            for place, component in enumerate(together):
                yield at_us + place * _S // 2, host, _FAILURE, component
            continue
        drawn = rng.choices(fleet.components, cum_weights=weights, k=rng.randint(*_INSTALLS))
        installs = list(dict.fromkeys((*together, *drawn)))
        clashing = _clashing(fleet, set(installs), rng)
        times = _SHAKY_TIMES if host in fleet.shaky else 1.0
        for component in installs:
            share = min(_share(fleet, component, at_us, rate[component]) * times, 0.97)
            if component in clashing or rng.random() < share:
                yield at_us, host, _FAILURE, component
            else:
                yield at_us, host, _SUCCESS, component
                if rng.random() < (0.5 if component in fleet.removed else 0.01):
                    yield at_us + 30 * _S, host, _REMOVED, component
            at_us += rng.randrange(1, 4) * _S
        yield at_us, host, _USED, drawn[0]


def _clashing(fleet: Fleet, installs: set[str], rng: random.Random) -> set[str]:
    """Return which of a session's components fail because of one another."""
    found: set[str] = set()
    if len(installs) < 2:
        return found
    for (a, b), strength in fleet.conflicts.items():
        if a in installs and b in installs and rng.random() < strength:
            found |= {a, b}
    return found


def _share(fleet: Fleet, component: str, at_us: int, rate: float) -> float:
    """Return how likely an install fails by itself."""
    if 0 <= at_us - fleet.incident_us < _INCIDENT_US:
        return _INCIDENT_FAILS
    if component in fleet.bad:
        return fleet.bad[component]
    if component in fleet.mended and at_us < MENDED_US:
        return fleet.mended[component]
    if component in fleet.broken and at_us >= BREAKS_US:
        return fleet.broken[component]
    return rate

"""A simulated fleet is a pure function of its plan and of the moment that is called now: no clock, no I/O.

Hosts take turns. In its turn a host has one session: it installs a few components, seconds apart, uses
some and removes some. Popular components come up more often (a Zipf spread); what is planted fails as
planted; everything else fails seldom, and by chance.

It has to be fast, since it feeds demos and benchmarks: a value is put together from parts that orjson
encoded once (a component with a type, a host), the second of its time, and a UUIDv7.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate

import orjson

from processor.publish.encoding import EncodedEvent
from processor.publish.fleet import FleetPlan, Planted, component_ids, host_ids, plant
from schemas import OutcomeType

__all__ = ["CATALOGUE_HOST", "simulate"]

CATALOGUE_HOST = "sim-catalogue"

_SECOND_US = 1_000_000
_HOUR_US = 3_600 * _SECOND_US
_SESSION_US = 90 * _SECOND_US
_STEP_US = (_SECOND_US, 5 * _SECOND_US)
_MASS_STEP_US = 100_000
_MASS_COMPONENTS = 80
_MASS_AT = (0.4, 0.75)
_DEPRECATED_AT = 0.5

_SUCCESS, _FAILURE, _USED, _REMOVED, _DEPRECATED = (
    OutcomeType.INSTALL_SUCCESS,
    OutcomeType.INSTALL_FAILURE,
    OutcomeType.USED_IN_SESSION,
    OutcomeType.REMOVED_BY_USER,
    OutcomeType.DEPRECATED,
)
_INSTALLS = (2, 7)
_USES = (3, 9)
_CONFLICT_SESSIONS = 0.05
_CONFLICT_FAILS = 0.9
_PROBLEMATIC_FAILS = 0.7
_FAILS = 0.02
_PLANTED_REMOVED = 0.6
_REMOVED_SHARE = 0.01
_DRAWN_AT_ONCE = 8_192

# One thing that happens in a session: when, the component's number, and what.
_Happening = tuple[int, int, OutcomeType]


def simulate(plan: FleetPlan, now_us: int, planted: Planted | None = None) -> Iterator[EncodedEvent]:
    """Yield exactly `plan.events` events of the last `plan.hours`, roughly in the order of time.

    Args:
        plan: the fleet; the same plan and moment give the same events, ids included.
        now_us: the moment that ends it, in microseconds since the epoch.
        planted: what `plant(plan)` returned; drawn again when None.
    """
    rng = random.Random(f"events {plan.seed} {now_us}")  # noqa: S311  # a simulation, no secret
    sessions = _Sessions(plan, planted or plant(plan), rng)
    encode = _encoder(component_ids(plan), rng)
    hosts = [host.encode() for host in host_ids(plan)]
    rng.shuffle(hosts)
    specials = sessions.specials(plan.events)
    window_us = round(plan.hours * _HOUR_US)
    start_us, span_us = now_us - window_us, max(0, window_us - _SESSION_US)
    done = turn = 0
    while done < plan.events:
        begin_us = start_us + span_us * done // plan.events
        if specials and done >= specials[-1][0]:
            _, host, happenings = specials.pop()
        else:
            host, happenings = hosts[turn % len(hosts)], sessions.ordinary()
            turn += 1
        for offset_us, component, outcome_type in happenings[: plan.events - done]:
            yield EncodedEvent(host, encode(min(begin_us + offset_us, now_us), component, outcome_type, host))
        done += min(len(happenings), plan.events - done)


class _Sessions:
    """Draws what happens in one session, as times from its begin, component numbers and types."""

    def __init__(self, plan: FleetPlan, planted: Planted, rng: random.Random) -> None:
        number = {component: index for index, component in enumerate(component_ids(plan))}
        self._rng = rng
        self._components = plan.components
        self._conflicts = [(number[a], number[b]) for a, b in planted.conflicts]
        self._partner = dict(self._conflicts) | {b: a for a, b in self._conflicts}
        self._problematic = {number[component] for component in planted.problematic}
        self._removed = {number[component] for component in planted.removed}
        self._deprecated = [number[component] for component in planted.deprecated]
        self._mass_hosts = planted.mass_failures
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(plan.components)))
        self._drawn: list[int] = []

    def ordinary(self) -> list[_Happening]:
        """Return a session in which a host installs, uses and removes."""
        rng = self._rng
        installs = dict.fromkeys(self._draw() for _ in range(rng.randint(*_INSTALLS)))
        if self._conflicts and rng.random() < _CONFLICT_SESSIONS:
            installs |= dict.fromkeys(rng.choice(self._conflicts))
        at_us = 0
        happenings: list[_Happening] = []
        removals: list[int] = []
        clash = rng.random() < _CONFLICT_FAILS
        for component in installs:
            fails = self._fails(component, clash=clash and self._partner.get(component) in installs)
            happenings.append((at_us, component, _FAILURE if fails else _SUCCESS))
            if not fails and rng.random() < (
                _PLANTED_REMOVED if component in self._removed else _REMOVED_SHARE
            ):
                removals.append(component)
            at_us += rng.randrange(*_STEP_US)
        for _ in range(rng.randint(*_USES)):
            happenings.append((at_us, self._draw(), _USED))
            at_us += rng.randrange(*_STEP_US) >> 1
        happenings += [(at_us, component, _REMOVED) for component in removals]
        return happenings

    def specials(self, events: int) -> list[tuple[int, bytes, list[_Happening]]]:
        """Return mass failures and deprecations as (after how many events, host, session), the last first."""
        many = range(min(_MASS_COMPONENTS, self._components))
        everything = [(rank * _MASS_STEP_US, component, _FAILURE) for rank, component in enumerate(many)]
        found = [
            (round(events * share), host.encode(), everything)
            for share, host in zip(_MASS_AT, self._mass_hosts, strict=False)
        ]
        deprecated = [(0, component, _DEPRECATED) for component in self._deprecated]
        found.append((round(events * _DEPRECATED_AT), CATALOGUE_HOST.encode(), deprecated))
        return sorted(found, key=lambda special: special[0], reverse=True)

    def _fails(self, component: int, *, clash: bool) -> bool:
        if clash:
            return True
        return self._rng.random() < (_PROBLEMATIC_FAILS if component in self._problematic else _FAILS)

    def _draw(self) -> int:
        """Return the number of a component, popular ones more often."""
        if not self._drawn:
            self._drawn = self._rng.choices(
                range(self._components), cum_weights=self._weights, k=_DRAWN_AT_ONCE
            )
        return self._drawn.pop()


def _encoder(components: list[str], rng: random.Random) -> Callable[[int, int, OutcomeType, bytes], bytes]:
    """Return a function that puts the JSON of an event together: time, component number, type, host."""
    heads: dict[tuple[int, OutcomeType], bytes] = {}
    seconds: dict[int, bytes] = {}
    bits = rng.getrandbits

    def encode(time_us: int, component: int, outcome_type: OutcomeType, host: bytes) -> bytes:
        head = heads.get((component, outcome_type))
        if head is None:
            head = heads[component, outcome_type] = _head(components[component], outcome_type)
        second_us, rest_us = divmod(time_us, _SECOND_US)
        second = seconds.get(second_us)
        if second is None:
            second = seconds[second_us] = (
                datetime.fromtimestamp(second_us, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
            )
        time_ms, random_bits = time_us // 1_000, bits(74)
        return b'%b%b.%06dZ","event_id":"%08x-%04x-7%03x-%04x-%012x","host_id":"%b"}' % (
            head,
            second,
            rest_us,
            time_ms >> 16,
            time_ms & 0xFFFF,
            random_bits >> 62,
            0x8000 | (random_bits >> 48) & 0x3FFF,
            random_bits & 0xFFFFFFFFFFFF,
            host,
        )

    return encode


def _head(component_id: str, outcome_type: OutcomeType) -> bytes:
    """Return the JSON of an event up to its time, which stands last of what does not change per host."""
    fixed = {"component_id": component_id, "outcome_type": outcome_type, "context": "simulated"}
    return orjson.dumps(fixed)[:-1] + b',"timestamp":"'

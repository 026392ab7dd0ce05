"""Failure sessions of one host: a new failure extends a session or joins two, and never splits one.

Two neighbours in event time belong to one session unless they are more than the gap apart. So intervals lose
nothing: whatever the order of arrival, the intervals equal those of the sorted history, and the signed
changes add up to its counts: of pairs, of the sessions that each component failed in, and of sessions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, combinations
from types import MappingProxyType
from typing import Final

import orjson

from processor.domain.config import FoldConfig
from schemas import COMPONENT_ID_MAX

__all__ = ["NOTHING", "Effect", "Pair", "Session", "add_failure", "effect_of", "is_late"]

Pair = tuple[str, str]
"""Two components, the smaller by code point first."""

Session = tuple[int, int, tuple[str, ...] | None]
"""First and last failure in microseconds, and the components in order; None after a mass failure."""

# JSON writes a control character as six bytes, more than any other character takes; two quotes, a comma.
_COMPONENT_BYTES_MAX = 6 * COMPONENT_ID_MAX + 3


Effect = tuple[Mapping[Pair, int], Mapping[str, int], int, int, int]
"""What one failure changed, signed and without zeros: in how many sessions both of a pair failed; in how many
a component failed; how many sessions there are, mass failures aside; how many mass failures there are; and
last, not signed, 1 if it made a session one."""

NOTHING: Final[Effect] = (MappingProxyType({}), MappingProxyType({}), 0, 0, 0)
"""What changes if the component had failed in that session before, or it is a mass failure."""

_NO_PAIRS: Final[Mapping[Pair, int]] = NOTHING[0]


def is_late(sessions: tuple[Session, ...], at_us: int, config: FoldConfig) -> bool:
    """Say whether a failure is older than the host's newest by more than the retention.

    The newest failure always stands in the last session, which no pruning takes.
    """
    return bool(sessions) and at_us < sessions[-1][1] - config.retention_us


def add_failure(
    sessions: tuple[Session, ...], component: str, at_us: int, config: FoldConfig
) -> tuple[tuple[Session, ...], Effect]:
    """Put one failure, which is not late, into its host's sessions.

    Args:
        sessions: the host's sessions, in order of time, more than the gap apart.
        component: what failed.
        at_us: when, in microseconds since the epoch.
        config: the gap, the retention and the bounds of a session.

    Returns:
        The host's sessions now, in order of time, and what changed.
    """
    newest_us = max(at_us, sessions[-1][1]) if sessions else at_us
    kept_from_us = newest_us - config.retention_us - config.gap_us
    end = len(sessions)  # from the newest on: that is where most failures belong
    while end and sessions[end - 1][0] > at_us + config.gap_us:
        end -= 1
    start = end
    while start and sessions[start - 1][1] >= at_us - config.gap_us:
        start -= 1
    first = 0
    while first < start and sessions[first][1] < kept_from_us:
        first += 1
    before, near, after = sessions[first:start], sessions[start:end], sessions[end:]
    if not near:
        alone = (at_us, at_us, (component,))
        return (*before, alone, *after), (_NO_PAIRS, {component: 1}, 1, 0, 0)
    first_us, last_us = min(at_us, near[0][0]), max(at_us, near[-1][1])
    components, effect = _grow([session[2] for session in near], component, config)
    return (*before, (first_us, last_us, components), *after), effect


def effect_of(sessions: Iterable[Session]) -> Effect:
    """Return what sessions come to, their pairs aside: for those that were not counted when they grew."""
    counted = [components for _, _, components in sessions if components is not None]
    masses = sum(components is None for _, _, components in sessions)
    return _NO_PAIRS, Counter(chain(*counted)), len(counted), masses, 0


def _grow(
    near: list[tuple[str, ...] | None], component: str, config: FoldConfig
) -> tuple[tuple[str, ...] | None, Effect]:
    """Return the components of the session grown of `near`, and what that changes."""
    counted = [components for components in near if components is not None]
    if len(near) == 1:
        if not counted or component in counted[0]:
            return near[0], NOTHING
        grown = tuple(sorted((*counted[0], component)))
    else:
        grown = tuple(sorted({component}.union(*counted)))
    masses = len(near) - len(counted)
    if masses or _is_mass_failure(grown, config):  # a mass failure stays one, whatever joins it
        withdrawn = _changes(counted, ()), _standing(counted, ())
        return None, (*withdrawn, -len(counted), 1 - masses, int(not masses))
    if len(near) == 1:
        return grown, (_pairs_with(component, counted[0]), {component: 1}, 0, 0, 0)
    return grown, (_changes(counted, grown), _standing(counted, grown), 1 - len(counted), 0, 0)


def _pairs_with(component: str, others: Iterable[str]) -> dict[Pair, int]:
    """Return +1 for each pair of the new component: the usual case, without looking at all pairs."""
    return {((component, other) if component < other else (other, component)): 1 for other in others}


def _changes(replaced: list[tuple[str, ...]], grown: tuple[str, ...]) -> dict[Pair, int]:
    """Return the pairs of the grown session minus those of the sessions that it replaces."""
    changes: Counter[Pair] = Counter(combinations(grown, 2))
    for components in replaced:
        changes.subtract(combinations(components, 2))
    return {pair: change for pair, change in changes.items() if change}


def _standing(replaced: list[tuple[str, ...]], grown: tuple[str, ...]) -> dict[str, int]:
    """Return the components of the grown session minus those of the sessions that it replaces."""
    changes = Counter(grown)
    changes.subtract(chain(*replaced))
    return {component: change for component, change in changes.items() if change}


def _is_mass_failure(components: tuple[str, ...], config: FoldConfig) -> bool:
    """Say whether a session is too large to count pairs: more components than the cap, or too many bytes.

    Both grow with the set and depend on nothing else, so that the order of arrival cannot matter.
    """
    if 0 < config.mass_failure_cap < len(components):
        return True
    limit_bytes = config.session_limit_bytes
    if len(components) * _COMPONENT_BYTES_MAX <= limit_bytes:
        return False
    return len(orjson.dumps(components)) > limit_bytes

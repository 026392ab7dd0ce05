"""What only few components have: deprecations, their revocation, and times that may tell of a void event.

Notes are part of a row and merge like it: counts add, `first` is the minimum, `last` and `revoked` the
maximum of the events' times, `is_stale` stays once it is there. So order and grouping cannot change them.

A revocation (`fleetfold undeprecate`) says: up to then it was not deprecated. What `deprecated_at` tells is a
function of the notes: the first deprecation; once there is a revocation, the newest one after it, or none.
A minimum after the revocation could not be kept without keeping all times; the newest can.
"""

from typing import Final

__all__ = ["Notes", "deprecated_us", "earlier", "later", "merge_notes", "revoked", "stated"]

Notes = tuple[int, int | None, int | None, int | None, bool]
"""How many `deprecated` events; the first, the last, the newest revocation, in microseconds since the epoch;
whether the row's times may tell of an event that is void by now."""

_NOTHING: Final[Notes] = (0, None, None, None, False)


def stated(count: int, first_us: int, last_us: int) -> Notes:
    """Return the notes of some `deprecated` events.

    Args:
        count: how many.
        first_us: when the first of them happened, in microseconds since the epoch.
        last_us: when the last did.
    """
    return (count, first_us, last_us, None, False)


def revoked(at_us: int) -> Notes:
    """Return the notes of a revocation, given its time in microseconds since the epoch."""
    return (0, None, None, at_us, False)


def merge_notes(a: Notes | None, b: Notes | None) -> Notes | None:
    """Return both taken together, in whichever order; None is the identity."""
    if a is None or b is None:
        return b if a is None else a
    revoked_us = later(a[3], b[3])
    first_us = earlier(a[1], b[1]) if revoked_us is None else None  # it does not matter any more
    merged = (a[0] + b[0], first_us, later(a[2], b[2]), revoked_us, a[4] or b[4])
    return None if merged == _NOTHING else merged


def deprecated_us(notes: Notes | None) -> int | None:
    """Return since when a component is deprecated, in microseconds since the epoch; None if it is not."""
    if notes is None:
        return None
    _, first_us, last_us, revoked_us, _ = notes
    if revoked_us is None:
        return first_us
    return last_us if last_us is not None and last_us > revoked_us else None


def earlier(a: int | None, b: int | None) -> int | None:
    """Return the smaller; None stands for no time."""
    if a is None or b is None:
        return b if a is None else a
    return min(b, a)


def later(a: int | None, b: int | None) -> int | None:
    """Return the larger; None stands for no time."""
    if a is None or b is None:
        return b if a is None else a
    return max(b, a)

"""Components that fail within a session fail together: the definition, on a history that is at hand.

The stream keeps sessions as intervals and counts changes (`sessions`); this is the plain sort that both the
in-process tracker and a reader of this page can go by.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

__all__ = ["GAP_US", "co_failure_counts", "sessions_of"]

Failure = tuple[int, str]
"""When a component failed, in microseconds since the epoch, and its id."""

GAP_US = 60_000_000
"""Two neighbours in time that are further apart than this stand in two sessions."""


def sessions_of(failures: Iterable[Failure], gap_us: int = GAP_US) -> Iterator[Sequence[Failure]]:
    """Yield the failures in order of time, broken into sessions where a gap exceeds `gap_us` microseconds."""
    session: list[Failure] = []
    for failure in sorted(failures):
        if session and failure[0] - session[-1][0] > gap_us:
            yield session
            session = []
        session.append(failure)
    if session:
        yield session


def co_failure_counts(failures: Iterable[Failure], gap_us: int = GAP_US) -> dict[tuple[str, str], int]:
    """Count in how many sessions each pair of distinct components failed.

    Args:
        failures: of one host, in any order.
        gap_us: see `GAP_US`.

    Returns:
        Each pair (a < b by code point) with its count, in the order in which pairs were first counted: by
        session, and within one by the pair.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for session in sessions_of(failures, gap_us):
        counts.update(combinations(sorted({component_id for _, component_id in session}), 2))
    return dict(counts)

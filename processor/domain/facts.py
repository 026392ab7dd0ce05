"""What the rules are told: their bounds, and the numbers of a component, a pair and the fleet."""

from dataclasses import dataclass

from processor.domain.conflicts import PairEvidence
from processor.domain.evidence import shrunk_rate
from processor.domain.windows import DAY_US, WINDOWS, Lately

__all__ = ["Facts", "Fleet", "PairFacts", "Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The bounds; rates are shares of failures or removals.

    Attributes:
        failures_least: fewer failures than this are no verdict.
        problematic_rate: problematic above this, with all of the Wilson interval.
        mended_rate: mended below this, with all of the Wilson interval.
        broken_by: broken when so much above what is usual, with all that chance could take off it.
        chance: how rare chance alone must be.
        removals_least: fewer removals than this are no verdict.
        removed_rate: frequently removed above this, with the lower end of the interval.
        kept_rate: no longer below this.
        count_least: fewer co-failures than this are no conflict.
        conflict_q: a conflict up to this q-value.
        conflict_q_stays: and until it is above this one.
        conflict_lift: at least so many times more often than by chance.
        conflict_lift_stays: and until it is below this.
        wide_chance: a conflict is at least so surprising for how many others its components fail with.
        silent: a conflict is mended when chance lets it pause for so long less often than this.
        old_us: evidence that has not grown for so long is too old.
    """

    failures_least: int = 3
    problematic_rate: float = 0.5
    mended_rate: float = 0.4
    broken_by: float = 0.15
    chance: float = 1e-5
    removals_least: int = 3
    removed_rate: float = 0.25
    kept_rate: float = 0.15
    count_least: int = 4
    conflict_q: float = 0.001
    conflict_q_stays: float = 0.05
    conflict_lift: float = 3.0
    conflict_lift_stays: float = 2.0
    wide_chance: float = 1e-5
    silent: float = 1e-4
    old_us: int = 30 * DAY_US


class Fleet:
    """What the fleet comes to at one moment.

    Args:
        lately: the sums of all components' hours and days.
        sessions: failure sessions, over all time.
        now_us: the moment.

    Attributes:
        sessions: the same.
        now_us: the same.
        failing: for each window the share of installs that fails; of few, drawn to that of a month.
        failing_month: that of 30 days.
        removing: removals per install that worked, over 30 days.
    """

    __slots__ = ("failing", "failing_month", "now_us", "removing", "sessions")

    def __init__(self, lately: Lately, sessions: int, now_us: int) -> None:
        month = lately.window("30d", now_us)
        self.sessions = sessions
        self.now_us = now_us
        self.failing_month = month.failures / month.attempts if month.attempts else 0.0
        self.removing = min(month.removals / month.successes, 1.0) if month.successes else 0.0
        self.failing = {
            window: shrunk_rate(counts.failures, counts.attempts, self.failing_month)
            for window in WINDOWS
            if (counts := lately.window(window, now_us))
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one component.

    Attributes:
        component_id: which.
        lately: its hours and days.
        failure_sessions: in how many failure sessions it stands, over all time.
        first_seen_us: its earliest event; None before there is one.
        last_failure_us: its newest failure; None without one.
        deprecated_us: when it was called deprecated; None if it was not.
    """

    component_id: str
    lately: Lately
    failure_sessions: int = 0
    first_seen_us: int | None = None
    last_failure_us: int | None = None
    deprecated_us: int | None = None


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What is known of a pair beside its counts.

    Attributes:
        evidence: its counts and what they say.
        first_us: when the younger of the two was first seen.
        last_us: when both last failed, or some time after that.
        ended_count: the count at which a verdict on it last ended; 0 if none did.
    """

    evidence: PairEvidence
    first_us: int
    last_us: int
    ended_count: int = 0

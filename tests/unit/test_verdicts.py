"""Verdicts come, stay and go as the state machine says; one test for each transition."""

from collections.abc import Sequence
from typing import Final

import pytest

from processor.domain.conflicts import PairEvidence
from processor.domain.evidence import Table, signed_g2
from processor.domain.facts import Facts, Fleet, Rules
from processor.domain.verdicts import Partner, is_news, judge
from processor.domain.windows import DAY_US, HOUR_US, Counts, Lately
from schemas.times import to_us
from schemas.verdicts import ComponentVerdicts, VerdictKind

NOW_US: Final = 20_500 * DAY_US + 10 * HOUR_US + 120_000_000
HOUR: Final = NOW_US // HOUR_US
DAY: Final = NOW_US // DAY_US


def lately(hours: dict[int, Counts], days: dict[int, Counts] | None = None) -> Lately:
    """Counts by how many hours ago; the days are their sums, and those given by how many days ago."""
    by_day: dict[int, Counts] = {DAY - ago: counts for ago, counts in (days or {}).items()}
    for ago, counts in hours.items():
        day = (HOUR - ago) // 24
        by_day[day] = Counts(*map(sum, zip(by_day.get(day, Counts()), counts, strict=True)))
    return Lately({HOUR - ago: counts for ago, counts in hours.items()}, by_day)


def fleet(hours: dict[int, Counts] | None = None, now_us: int = NOW_US) -> Fleet:
    usual = {0: Counts(500, 15), 1: Counts(500, 15)} if hours is None else hours
    month = {ago: Counts(20_000, 600, 9_000, 200) for ago in range(30)}
    return Fleet(lately(usual, month), 5_000, now_us)


def facts(of: Lately | None = None, *, name: str = "c", sessions: int = 0, deprecated: bool = False,
          last_failure_us: int = NOW_US) -> Facts:  # fmt: skip
    return Facts(name, of or Lately(), sessions, NOW_US - 20 * DAY_US, last_failure_us,
                 NOW_US - DAY_US if deprecated else None)  # fmt: skip


def step(
    about: Facts,
    standing: ComponentVerdicts | None = None,
    partners: Sequence[Partner] = (),
    of_fleet: Fleet | None = None,
) -> ComponentVerdicts | None:
    return judge(standing, about, partners, of_fleet or fleet(), Rules())


def kinds(row: ComponentVerdicts | None) -> list[VerdictKind]:
    return [each.kind for each in row.verdicts] if row else []


def partner(
    count: int, *, q: float = 1e-9, wide: float = 0.0, explained: str | None = None,
    together_us: int = NOW_US, sessions: int = 5_000, own: int = 30,
) -> Partner:  # fmt: skip
    table = Table.of(count, own, own, sessions)
    evidence = PairEvidence("c", "d", table, signed_g2(table), q, wide, explained)
    return Partner(facts(name="d", sessions=own, last_failure_us=together_us), evidence)


def test_a_component_without_failures_has_no_row() -> None:
    """Nothing is held against it."""
    assert step(facts(lately({0: Counts(40, 0, 5, 1)}))) is None


def test_most_installs_failing_for_a_month_is_problematic() -> None:
    """The interval lies above a half; the sentence says so with the numbers."""
    row = step(facts(lately({}, {3: Counts(4, 20), 9: Counts(6, 20)})))
    assert row is not None
    assert kinds(row) == ["problematic"]
    verdict = row.verdicts[0]
    assert verdict.reason.startswith("20 of 24 installs failed in the last 7 days, where ")
    assert (verdict.evidence.good, verdict.evidence.bad, verdict.evidence.window) == (4, 20, "7d")
    assert verdict.confidence > 0.999
    assert to_us(verdict.since) == NOW_US


@pytest.mark.parametrize("counts", [Counts(0, 2), Counts(1, 3), Counts(20, 22)])
def test_too_little_is_no_verdict(counts: Counts) -> None:
    """Two failures, three of four, or half of many: the plain rule may say so, the evidence does not."""
    assert step(facts(lately({}, {3: counts}))) is None


def test_a_fresh_breakage_shows_within_the_hour() -> None:
    """Eight failures of this hour are not drowned in a month of a thousand good installs."""
    row = step(
        facts(lately({0: Counts(1, 8), 1: Counts(2, 0)}, {ago: Counts(100, 2) for ago in range(1, 20)}))
    )
    assert row is not None
    assert row.verdicts[0].evidence.window == "1h"
    assert row.verdicts[0].reason.startswith("8 of 11 installs failed in the last hour")


def test_a_failure_of_everybody_is_nobodys_fault() -> None:
    """While a mirror is dead for the whole fleet, no component is called broken."""
    about = facts(lately({0: Counts(1, 8)}, {ago: Counts(100, 2) for ago in range(1, 20)}))
    assert step(about, of_fleet=fleet({0: Counts(100, 600), 1: Counts(500, 15)})) is None


def test_what_was_mended_recovers() -> None:
    """A verdict from a bad month ends when the newest installs work."""
    bad = facts(lately({}, {3: Counts(2, 40)}))
    standing = step(bad)
    assert kinds(standing) == ["problematic"]
    mended = facts(lately({0: Counts(12, 0)}, {3: Counts(2, 40)}))
    assert step(mended, standing) is None


def test_a_verdict_neither_comes_nor_goes_between_its_bounds() -> None:
    """Hysteresis: 45 of 100 failing brings no verdict, and does not end one; its time stays."""
    between = facts(lately({}, {3: Counts(55, 45)}))
    assert step(between) is None
    standing = step(facts(lately({}, {3: Counts(2, 40)})))
    assert standing is not None
    later = fleet(now_us=NOW_US + HOUR_US)
    still = step(between, standing, of_fleet=later)
    assert still is not None
    assert still.verdicts[0].since == standing.verdicts[0].since
    assert still.verdicts[0].evidence.bad == 45


def test_old_evidence_ends_a_verdict() -> None:
    """Nothing for 30 days: neither good nor bad is known any more."""
    standing = step(facts(lately({}, {29: Counts(0, 20)})))
    assert kinds(standing) == ["problematic"]
    assert step(facts(lately({}, {31: Counts(0, 20)})), standing) is None


def test_removals_are_weighed_by_installs() -> None:
    """Ten of twelve thrown away is a verdict, ten of a thousand is not, two of two is too little."""
    assert kinds(step(facts(lately({}, {2: Counts(12, 0, 0, 10)})))) == ["frequently_removed"]
    assert step(facts(lately({}, {2: Counts(1000, 0, 0, 10)}))) is None
    assert step(facts(lately({}, {2: Counts(2, 0, 0, 2)}))) is None


def test_removals_have_a_lower_bound_to_leave() -> None:
    """A fifth thrown away brings no verdict and keeps one."""
    standing = step(facts(lately({}, {2: Counts(12, 0, 0, 10)})))
    fewer = facts(lately({}, {2: Counts(200, 0, 0, 45)}))
    assert step(fewer) is None
    assert kinds(step(fewer, standing)) == ["frequently_removed"]
    assert step(facts(lately({}, {2: Counts(400, 0, 0, 45)})), standing) is None


def test_a_deprecated_component_in_use_is_told() -> None:
    """While somebody uses it: a week to enter, a month to leave."""
    used = facts(lately({}, {3: Counts(0, 0, 4)}), deprecated=True)
    row = step(used)
    assert row is not None
    assert row.verdicts[0].reason == "It is deprecated, and was installed or used 4 times in the last 7 days."
    rested = facts(lately({}, {20: Counts(0, 0, 4)}), deprecated=True)
    assert step(rested) is None
    assert kinds(step(rested, row)) == ["deprecated_in_use"]
    assert step(facts(Lately(), deprecated=True), row) is None


def test_a_conflict_names_the_other_and_its_numbers() -> None:
    """What chance would bring stands beside what was seen."""
    row = step(facts(sessions=30), partners=[partner(12)])
    assert row is not None
    verdict = row.verdicts[0]
    assert (verdict.kind, verdict.other) == ("conflicts_with", "d")
    assert verdict.reason == "It failed together with d in 12 sessions, where chance would bring 0.2."


@pytest.mark.parametrize(
    "pair",
    [
        partner(3),
        partner(12, q=0.002),
        partner(12, explained="e"),
        partner(12, wide=0.01),
        partner(12, own=800),
        partner(12, together_us=NOW_US - 31 * DAY_US),
    ],
    ids=["too few", "not sure", "a third explains it", "wide sessions explain it", "chance", "too old"],
)
def test_no_conflict_without_evidence(pair: Partner) -> None:
    """Each bound by itself keeps a pair from being one."""
    assert step(facts(sessions=30), partners=[pair]) is None


def test_a_conflict_that_pauses_for_too_long_was_mended_and_is_remembered() -> None:
    """Old counts alone do not bring it back; two more co-failures do."""
    standing = step(facts(sessions=30), partners=[partner(12)])
    silent = fleet(now_us=NOW_US + 29 * DAY_US)
    mended = step(facts(sessions=30), standing, [partner(12)], silent)
    assert mended is not None
    assert mended.verdicts == []
    assert [(each.other, each.count) for each in mended.ended] == [("d", 12)]
    assert kinds(step(facts(sessions=30), mended, [partner(13)])) == []
    again = step(facts(sessions=30), mended, [partner(14)])
    assert kinds(again) == ["conflicts_with"]
    assert again is not None
    assert again.ended == []


def test_failing_alone_does_not_keep_a_conflict_alive() -> None:
    """As long as the count is the one on the row, the time on the row holds."""
    standing = step(facts(sessions=30), partners=[partner(12)])
    later_us = NOW_US + 29 * DAY_US
    alone = facts(sessions=35, last_failure_us=later_us)
    row = step(alone, standing, [partner(12, together_us=later_us)], fleet(now_us=later_us))
    assert kinds(row) == []


def test_failures_that_a_conflict_explains_are_not_its_own() -> None:
    """A component that fails only beside another one conflicts with it, and is not problematic."""
    failing = facts(lately({}, {2: Counts(6, 30)}), sessions=30)
    assert kinds(step(failing)) == ["problematic"]
    assert kinds(step(failing, partners=[partner(29)])) == ["conflicts_with"]


def test_what_moved_a_little_is_no_news() -> None:
    """The topic is written only when something changes: another verdict, numbers far off, or once a day."""
    row = step(facts(lately({}, {3: Counts(4, 40)})))
    near = step(facts(lately({}, {3: Counts(4, 41)})), row)
    far = step(facts(lately({}, {3: Counts(30, 40)})), row)
    next_day = step(facts(lately({}, {3: Counts(4, 41)})), row, of_fleet=fleet(now_us=NOW_US + DAY_US))
    assert not is_news(None, None)
    assert is_news(None, row)
    assert is_news(row, None)
    assert not is_news(row, row)
    assert not is_news(row, near)
    assert is_news(row, far)
    assert is_news(row, next_day)


def test_a_conflict_twice_as_large_is_news() -> None:
    """A count that doubled is told; one more is not."""
    row = step(facts(sessions=30), partners=[partner(10)])
    assert not is_news(row, step(facts(sessions=30), row, [partner(11)]))
    assert is_news(row, step(facts(sessions=30), row, [partner(20)]))
    assert is_news(row, step(facts(sessions=30), row, [partner(10, q=0.5)]))

"""From rows of the topics to what must be written: pure, no broker."""

from datetime import UTC, datetime
from typing import Final

import orjson
import pytest

from processor.domain.windows import DAY_US, HOUR_US, Counts
from processor.verdicts.evaluation import News, evaluate, weigh
from processor.verdicts.rows import Rows
from schemas.times import format_us
from schemas.verdicts import ComponentVerdicts
from tests.served import day, pair, record, stats

NOW: Final = datetime(2026, 1, 20, 10, 30, tzinfo=UTC)
NOW_US: Final = int(NOW.timestamp()) * 1_000_000
TODAY: Final = "2026-01-20"


def rows_of(*, failing: int = 20) -> Rows:
    """A fleet of a good component, one that fails today, and two that fail together."""
    rows = Rows()
    recent = format_us(NOW_US - HOUR_US)
    clash = {"failure_sessions": 30, "last_failure": recent, "first_seen": "2026-01-02T00:00:00.000000Z"}
    rows.take_stats([
        record(*stats("good", 900, 9)),
        record(*stats("bad", 2, failing, last_failure=recent)),
        record(*stats("x", 500, 30, **clash)),
        record(*stats("y", 500, 30, **clash)),
    ])  # fmt: skip
    rows.take_history([
        record(*day("good", TODAY, 900, 9, hours={"10": [40, 1, 0, 0]})),
        record(*day("bad", TODAY, 2, failing, hours={"10": [2, failing, 0, 0]})),
    ])  # fmt: skip
    rows.take_pairs([record(*pair("x", "y", 14)), record(*pair("good", "x", 1))])
    rows.take_totals([record(b"0", totals(1_500)), record(b"1", totals(2_500))])
    return rows


def totals(sessions: int) -> bytes:
    return orjson.dumps({"sessions": sessions})


def news_of(rows: Rows, now_us: int = NOW_US) -> News:
    pairs = [(a, b, count) for (a, b), count in rows.pairs.items()]
    weighed = weigh(pairs, rows.failure_sessions, rows.sessions, frozenset({("x", "y")}))
    return evaluate(rows, weighed, now_us, rows.components)


def kinds(row: ComponentVerdicts | None) -> list[str]:
    return [each.kind.value for each in row.verdicts] if row else []


def accept(rows: Rows, news: News) -> None:
    """Let the news stand, as the topic tells them."""
    values = {key: None if row is None else row.model_dump_json().encode() for key, row in news.items()}
    rows.take_verdicts([record(key.encode(), value) for key, value in values.items()])


def test_rows_become_verdicts() -> None:
    """One fails in this hour, two fail together; nothing is said of the good one."""
    news = news_of(rows_of())
    assert {component: kinds(row) for component, row in news.items()} == {
        "bad": ["problematic"],
        "x": ["conflicts_with"],
        "y": ["conflicts_with"],
    }
    row = news["x"]
    assert row is not None
    assert (row.verdicts[0].other, row.verdicts[0].evidence.count) == ("y", 14)


def test_what_stands_is_not_written_again() -> None:
    """The second look at the same rows has no news."""
    rows = rows_of()
    accept(rows, news_of(rows))
    assert len(rows.standing) == 3
    assert news_of(rows, NOW_US + 60_000_000) == {}


def test_what_ended_leaves_with_a_tombstone() -> None:
    """Forty days later nothing is held against the one that failed; the conflict leaves a note."""
    rows = rows_of()
    accept(rows, news_of(rows))
    ended = news_of(rows, NOW_US + 40 * DAY_US)
    assert ended["bad"] is None
    assert kinds(ended["x"]) == []
    accept(rows, ended)
    assert "bad" not in rows.standing


def test_the_fleets_sums_follow_its_days() -> None:
    """A day that is written anew or deleted replaces what it was in the sums."""
    rows = rows_of()
    rows.take_history([record(*day("bad", TODAY, 5, 21, hours={"09": [1, 1, 0, 0], "10": [4, 20, 0, 0]}))])
    number = NOW_US // DAY_US
    facts = rows.facts("bad")
    assert facts.lately.days[number] == Counts(5, 21)
    assert facts.lately.window("1h", NOW_US) == Counts(5, 21)
    assert rows.fleet(NOW_US).failing_month == pytest.approx(30 / 935)
    rows.take_history([record(day("bad", TODAY)[0], None)])
    assert rows.fleet(NOW_US).failing_month == pytest.approx(9 / 909)
    assert rows.facts("bad").lately.days == {}


@pytest.mark.parametrize("value", [b"{", b"[]", b"{}", b'{"component_id": 3}'])
def test_what_is_no_row_is_counted_and_changes_nothing(value: bytes) -> None:
    """X1: somebody else's record on a topic ends nothing."""
    rows = rows_of()
    before = (dict(rows.pairs), rows.sessions, rows.facts("bad"))
    bad = record(b"bad", value)
    rows.take_stats([bad])
    rows.take_pairs([bad, record(b'["x","y"]', value)])
    rows.take_history([bad, record(day("bad", TODAY)[0], value)])
    rows.take_totals([record(b"0", value)])
    rows.take_verdicts([bad])
    assert rows.bad == 7
    assert (dict(rows.pairs), rows.sessions, rows.facts("bad")) == before

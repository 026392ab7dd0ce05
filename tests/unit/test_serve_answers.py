"""The answers in memory: rows in, answers out, in the tracker's shapes and the lists' order."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.serve.answers import Answers
from processor.serve.changes import ChangeLog, MissedError
from processor.serve.sessionrows import newest_first
from tests.served import EVIL, answers_of, ledger, pair, record, stats

SECOND = 1_000_000


def test_an_unknown_component_has_rate_0_and_multiplier_1() -> None:
    """T8, T15: what nobody has seen or tried has no success, and is not multiplied away."""
    answers = answers_of([stats("used", installed=0, usage_count=3)])
    assert [answers.success_rate(each) for each in ("used", "unknown")] == [0.0, 0.0]
    assert [answers.score_multiplier(each) for each in ("used", "unknown")] == [1.0, 1.0]
    assert answers.stats("unknown") is None


def test_a_tried_component_has_its_rate() -> None:
    """T4, T15: the rate is the row's, 0.0 included, and all of the row can be had."""
    answers = answers_of([stats("a", 1, 3), stats("never", 0, 1)])
    assert (answers.success_rate("a"), answers.score_multiplier("a")) == (0.25, 0.25)
    assert (answers.success_rate("never"), answers.score_multiplier("never")) == (0.0, 0.0)
    row = answers.stats("a")
    assert row is not None
    assert (row.install_failures, row.success_rate) == (3, 0.25)


def test_lists_are_ordered_by_first_seen_then_id() -> None:
    """S3, T9, T10, T15: the order in which components were first seen, whatever the order of the rows."""
    early, late = "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
    common = {"removal_count": 2, "deprecated_at": late}
    rows = [
        stats("b", 0, 3, first_seen=late, **common),
        stats("a", 0, 3, first_seen=late, **common),
        stats("z", 0, 3, first_seen=early, **common),
        stats("fine", 9, 3, removal_count=1, first_seen=early),
    ]
    answers = answers_of(rows)
    expected = ["z", "a", "b"]
    assert answers.problematic() == answers.frequently_removed() == answers.deprecated() == expected
    assert answers.frequently_removed(1) == ["fine", "z", "a", "b"]
    assert answers.frequently_removed(3) == []


def test_a_component_leaves_its_lists() -> None:
    """A row that is problematic no more is off the list, and a deleted row is off all of them."""
    answers = answers_of([stats("a", 0, 3, removal_count=5, deprecated_at="2026-01-01T00:00:00.000000Z")])
    answers.take_stats([record(*stats("a", 9, 3, removal_count=5))])
    assert (answers.problematic(), answers.frequently_removed(), answers.deprecated()) == ([], ["a"], [])
    answers.take_stats([record(b"a", None), record(b"never", None)])
    assert (answers.frequently_removed(), answers.rows.values, answers.rows.rates) == ([], {}, {})


def test_pairs_from_either_side() -> None:
    """T11: from two sessions on unless asked otherwise, most frequent first, and of one component."""
    answers = answers_of(pairs=[pair("a", "b", 2), pair("b", "c", 5), pair("a", "c", 1)])
    assert answers.co_failures() == [("b", "c", 5), ("a", "b", 2)]
    assert answers.co_failures("a", 1) == [("a", "b", 2), ("a", "c", 1)]
    assert answers.conflicts_with("b") == [("c", 5), ("a", 2)]
    assert answers.conflicts_with("unknown") == []


def test_a_pair_whose_count_returns_to_0_is_gone() -> None:
    """S6: a tombstone takes the pair away from both sides, and a second one changes nothing."""
    answers = answers_of(pairs=[pair("a", "b", 2)])
    for _ in range(2):
        answers.take_pairs([record(pair("a", "b", 1)[0], None)])
    assert (answers.co_failures(min_count=1), answers.pairs.count, answers.pairs.partners) == ([], 0, {})
    assert answers.changes.last == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"a", b"{"),
        (b"a", b"[]"),
        (b"a", b"{}"),
        (b"other", stats("a")[1]),
        stats("a", install_failures="3"),
        stats("a", success_rate="much"),
        stats("a", removal_count=None),
    ],
)
def test_what_is_no_row_changes_nothing_and_is_counted(key: bytes | None, value: bytes) -> None:
    """X1: a record of somebody else's on the topic costs nobody the answers."""
    answers = answers_of([stats("a", 3, 1)])
    answers.take_stats([record(key, value)])
    assert (answers.success_rate("a"), answers.bad_rows, answers.changes.last) == (0.75, 1, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"a", b"1"),
        (b'["b","a"]', b'{"count":1}'),
        (b'["a","b"]', b'{"count":0}'),
        (b'["a","b"]', b'{"count":true}'),
        (b'["a","b"]', b"[]"),
        (None, None),
    ],
)
def test_what_is_no_pair_changes_nothing_and_is_counted(key: bytes | None, value: bytes | None) -> None:
    """X1: the same for the pairs."""
    answers = answers_of(pairs=[pair("a", "b", 4)])
    answers.take_pairs([record(key, value)])
    assert (answers.co_failures(), answers.bad_rows) == ([("a", "b", 4)], 1)


def test_sessions_newest_first_and_in_pages() -> None:
    """The windowed table of failures: newest end first, then by host, and a page goes on behind a session."""
    answers = answers_of(
        ledgers=[
            ledger("h2", (0, 5 * SECOND, ("a",))),
            ledger("h1", (0, 5 * SECOND, ("b",)), (70 * SECOND, 90 * SECOND, None)),
        ]
    )
    all_of_them = newest_first(answers.sessions.all(), 10)
    assert [(each.host, each.components) for each in all_of_them] == [
        ("h1", None),
        ("h1", ("b",)),
        ("h2", ("a",)),
    ]
    paged = all_of_them[:0]
    while page := newest_first(
        answers.sessions.all(), 1, (paged[-1].end, paged[-1].host, paged[-1].start) if paged else None
    ):
        paged += page
    assert paged == all_of_them


def test_a_host_without_failures_is_no_news() -> None:
    """A ledger changes with every event; only a change of its sessions is one of ours."""
    answers = answers_of(ledgers=[ledger("h", (0, 1, ("a",)))])
    answers.take_sessions([record(*ledger("h", (0, 1, ("a",)))), record(*ledger("quiet"))])
    assert answers.changes.last == 0
    answers.take_sessions([record(b"h", None), record(b"broken", b"{")])
    assert (answers.sessions.hosts, answers.bad_rows) == ({}, 1)
    assert [change.ids for change in answers.changes.since(0)] == [("h",)]


def test_changes_tell_the_row_after_them() -> None:
    """A run that changes a component twice is one change, with the row as it then is."""
    answers = answers_of()
    answers.take_stats([record(*stats(EVIL, 1, 0)), record(*stats(EVIL, 1, 1))])
    answers.take_pairs([record(*pair("a", "b", 3))])
    component, of_pair = answers.changes.since(0)
    assert (component.number, component.kind, component.ids) == (1, "component", (EVIL,))
    assert component.row is not None
    assert component.row["install_failures"] == 1
    assert (of_pair.ids, of_pair.count, of_pair.row) == (("a", "b"), 3, None)


def test_what_is_read_before_being_ready_is_no_change() -> None:
    """Catching up is not news."""
    answers = Answers()
    answers.take_stats([record(*stats("a"))])
    assert answers.changes.last == 0


def test_a_slow_reader_is_told_that_it_missed_changes() -> None:
    """The log is bounded: nobody is handed a history with a hole in it."""
    log = ChangeLog(kept=2)
    for name in "abc":
        log.add("component", {(name,): (0, None)})
    assert [change.ids for change in log.since(1)] == [("b",), ("c",)]
    assert log.since(3) == []
    for number in (0, 4):
        with pytest.raises(MissedError):
            log.since(number)


async def test_waiting_ends_with_a_change_or_with_the_log() -> None:
    """A reader sleeps until there is something, and is let go at the end."""
    log = ChangeLog()
    first, second = asyncio.create_task(log.wait(0)), asyncio.create_task(log.wait(1))
    await asyncio.sleep(0)
    log.add("pair", {("a", "b"): (1, None)})
    log.wake()
    assert await first
    log.end()
    assert not await second


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.booleans()
        ),
        max_size=30,
    )
)
def test_lists_follow_from_the_last_rows_alone(history: list[tuple[str, int, int, int, bool]]) -> None:
    """Whatever rows came before, the lists are those of the newest row of each component."""

    def row(each: tuple[str, int, int, int, bool]) -> tuple[bytes, bytes]:
        name, installed, failed, removed, old = each
        when = "2026-01-01T00:00:00.000000Z" if old else None
        return stats(name, installed, failed, removal_count=removed, deprecated_at=when)

    last = {each[0]: each for each in history}
    followed, fresh = answers_of(map(row, history)), answers_of(map(row, last.values()))
    assert followed.rows.values == fresh.rows.values
    assert followed.rows.rates == fresh.rows.rates
    for ask in (Answers.problematic, Answers.frequently_removed, Answers.deprecated):
        assert ask(followed) == ask(fresh)

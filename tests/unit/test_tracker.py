"""What the tracker counts and answers; its file is in test_tracker_file.py."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from processor import OutcomeTracker
from schemas import ComponentOutcome, OutcomeStats, OutcomeType

SUCCESS, FAILURE = OutcomeType.INSTALL_SUCCESS, OutcomeType.INSTALL_FAILURE
USED, REMOVED, DEPRECATED = OutcomeType.USED_IN_SESSION, OutcomeType.REMOVED_BY_USER, OutcomeType.DEPRECATED
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def tracker_of(*recorded: tuple[str, OutcomeType]) -> OutcomeTracker:
    tracker = OutcomeTracker()
    for component_id, outcome_type in recorded:
        tracker.record_outcome(component_id, outcome_type)
    return tracker


def failed(component_id: str, after_s: float, outcome_type: OutcomeType = FAILURE) -> ComponentOutcome:
    return ComponentOutcome(
        component_id=component_id, outcome_type=outcome_type, timestamp=NOON + timedelta(seconds=after_s)
    )


def test_new_tracker_is_empty() -> None:
    """T7: a tracker starts with nothing, and keeps 1000 recent events unless told otherwise."""
    tracker = OutcomeTracker()
    assert (tracker.outcomes, tracker.recent_events, tracker.max_recent_events) == ({}, [], 1000)


def test_trackers_share_nothing() -> None:
    """T6: what one tracker records is not in another."""
    tracker_of(("a", SUCCESS))
    assert OutcomeTracker().outcomes == {}


def test_success_and_failure() -> None:
    """T6: each adds one and sets its own time, to now in UTC."""
    before = datetime.now(UTC)
    stats = tracker_of(("a", SUCCESS), ("a", FAILURE), ("a", SUCCESS)).outcomes["a"]
    after = datetime.now(UTC)
    assert (stats.install_successes, stats.install_failures) == (2, 1)
    assert stats.first_seen is not None
    assert stats.last_failure is not None
    assert stats.last_success is not None
    assert before <= stats.first_seen <= stats.last_failure <= stats.last_success <= after


@pytest.mark.parametrize(
    ("outcome_type", "counts"), [(USED, (1, 0)), (REMOVED, (0, 1)), (DEPRECATED, (0, 0))]
)
def test_types_that_are_no_attempt(outcome_type: OutcomeType, counts: tuple[int, int]) -> None:
    """T6: use and removal add one to their counter, `deprecated` to none; each sets `first_seen`."""
    stats = tracker_of(("a", outcome_type)).outcomes["a"]
    assert (stats.usage_count, stats.removal_count) == counts
    assert (stats.install_successes, stats.install_failures) == (0, 0)
    assert (stats.last_success, stats.last_failure) == (None, None)
    assert stats.first_seen is not None
    assert stats.deprecated_at == (stats.first_seen if outcome_type is DEPRECATED else None)


def test_first_seen_and_deprecated_at_stay() -> None:
    """T6, T15: later events move neither the first sight nor the first deprecation."""
    tracker = tracker_of(("a", DEPRECATED))
    first = tracker.outcomes["a"]
    tracker.record_outcome("a", DEPRECATED)
    tracker.record_outcome("a", SUCCESS)
    assert tracker.outcomes["a"].first_seen == first.first_seen
    assert tracker.outcomes["a"].deprecated_at == first.deprecated_at


def test_an_outcome_may_be_given_as_text() -> None:
    """T1: the enum is a string enum, so its text will do; another text is refused and nothing is recorded."""
    tracker = OutcomeTracker()
    tracker.record_outcome("a", "install_failure")  # type: ignore[arg-type]  # the point of the test
    assert tracker.recent_events[0].outcome_type is FAILURE
    with pytest.raises(ValidationError):
        tracker.record_outcome("b", "exploded")  # type: ignore[arg-type]  # the same
    assert list(tracker.outcomes) == ["a"]
    assert len(tracker.recent_events) == 1


def test_ids_and_contexts_of_any_length() -> None:
    """T16: in process there are no limits, and an id is kept exactly."""
    long_id = "a|\n\u202e😀" * 1_000
    tracker = OutcomeTracker()
    tracker.record_outcome(long_id, FAILURE, "x" * 10_000)
    assert list(tracker.outcomes) == [long_id]
    assert tracker.recent_events[0].context == "x" * 10_000


def test_recent_events_are_bounded() -> None:
    """T7: the newest stay, oldest first; what they counted stays too."""
    tracker = OutcomeTracker(max_recent_events=3)
    for name in "abcde":
        tracker.record_outcome(name, SUCCESS, f"context of {name}")
    assert [event.component_id for event in tracker.recent_events] == ["c", "d", "e"]
    assert tracker.recent_events[0].context == "context of c"
    assert len(tracker.outcomes) == 5


def test_recent_events_by_default() -> None:
    """T7: event 1001 drops the first."""
    tracker = OutcomeTracker(recent_events=[failed(str(number), number) for number in range(1000)])
    tracker.record_outcome("next", SUCCESS)
    assert len(tracker.recent_events) == 1000
    assert [tracker.recent_events[at].component_id for at in (0, -1)] == ["1", "next"]


def test_no_recent_events_at_all() -> None:
    """T7: a bound of 0 keeps none, and counts all the same."""
    tracker = OutcomeTracker(max_recent_events=0)
    tracker.record_outcome("a", SUCCESS)
    assert tracker.recent_events == []
    assert tracker.outcomes["a"].install_successes == 1


def test_success_rate() -> None:
    """T8: the component's rate, and 0.0 for one that is unknown or was never installed."""
    tracker = tracker_of(("a", SUCCESS), ("a", SUCCESS), ("a", SUCCESS), ("a", FAILURE), ("b", USED))
    assert tracker.get_success_rate("a") == 0.75
    assert tracker.get_success_rate("b") == 0.0
    assert tracker.get_success_rate("unknown") == 0.0
    assert "unknown" not in tracker.outcomes


def test_problematic_components_in_order_of_first_sight() -> None:
    """T9, T5: ids stand in the order of first sight, not that in which they became problematic."""
    order = [("z", USED), ("a", FAILURE), ("m", SUCCESS)]
    tracker = tracker_of(*order, ("a", FAILURE), ("a", FAILURE), *[("z", FAILURE)] * 3, *[("m", FAILURE)] * 2)
    assert tracker.get_problematic_components() == ["z", "a"]


def test_three_failures_of_six_are_not_problematic_and_four_of_seven_are() -> None:
    """T5, T9: the edge, as recorded."""
    tracker = tracker_of(*[("a", SUCCESS)] * 3, *[("a", FAILURE)] * 3)
    assert tracker.get_problematic_components() == []
    tracker.record_outcome("a", FAILURE)
    assert tracker.get_problematic_components() == ["a"]


def test_frequently_removed() -> None:
    """T10: at least two removals unless told otherwise, in the order of first sight."""
    tracker = tracker_of(("z", SUCCESS), *[("a", REMOVED)] * 3, ("b", REMOVED), *[("z", REMOVED)] * 2)
    assert tracker.get_frequently_removed() == ["z", "a"]
    assert tracker.get_frequently_removed(3) == ["a"]
    assert tracker.get_frequently_removed(min_removals=1) == ["z", "a", "b"]
    assert tracker.get_frequently_removed(4) == []


def test_co_failure_pairs() -> None:
    """T11: failures alone, by time, 60 s apart at most; pairs seen twice, in order of their first count."""
    events = [
        failed("x", 1_000),
        failed("y", 1_060),
        failed("b", 500),
        failed("a", 560),
        failed("a", 0),
        failed("b", 60),
        failed("y", 2_000),
        failed("x", 2_060),
        failed("c", 3_000),
        failed("d", 3_060.000001),
        failed("c", 4_000),
        failed("d", 4_060.000001),
        failed("e", 2_001),
        failed("s", 10, SUCCESS),
        failed("s", 510, SUCCESS),
    ]
    assert OutcomeTracker(recent_events=events).get_co_failure_pairs() == [("a", "b", 2), ("x", "y", 2)]


def test_co_failure_pairs_of_what_was_recorded() -> None:
    """T11: failures that were recorded just now stand in one session, which is not enough for a pair."""
    assert tracker_of(("b", FAILURE), ("a", FAILURE), ("a", FAILURE)).get_co_failure_pairs() == []
    assert OutcomeTracker().get_co_failure_pairs() == []


def test_co_failure_pairs_have_no_cap_in_process() -> None:
    """T11, S3: the cap on mass failures is the stream's alone."""
    events = [failed(f"{number:02}", after_s) for after_s in (0, 500) for number in range(60)]
    assert len(OutcomeTracker(recent_events=events).get_co_failure_pairs()) == 60 * 59 // 2


def test_score_multiplier() -> None:
    """T15: the success rate, and 1.0 with no attempt; one that only failed is multiplied away."""
    tracker = tracker_of(("half", SUCCESS), ("half", FAILURE), ("bad", FAILURE), ("used", USED))
    assert [tracker.score_multiplier(name) for name in ("half", "bad", "used", "unknown")] == [
        0.5,
        0.0,
        1.0,
        1.0,
    ]


def test_deprecated_components() -> None:
    """T15: ids with a `deprecated` event, in the order of first sight."""
    tracker = tracker_of(("z", SUCCESS), ("a", DEPRECATED), ("b", SUCCESS), ("z", DEPRECATED))
    assert tracker.get_deprecated() == ["z", "a"]


@pytest.mark.parametrize(
    ("context", "logged"), [("", "none"), ("disk full", "disk full"), ("x" * 49 + "yz", "x" * 49 + "y")]
)
def test_each_recording_is_logged(caplog: pytest.LogCaptureFixture, context: str, logged: str) -> None:
    """T14: at DEBUG the component, the outcome and the first 50 characters of the context, or "none"."""
    with caplog.at_level(logging.DEBUG, logger="processor.tracker"):
        OutcomeTracker().record_outcome("libssl3", FAILURE, context)
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert (
        record.getMessage()
        == f"Recorded outcome: component=libssl3, outcome=install_failure, context={logged}"
    )


def test_rows_that_were_handed_out_stay_as_they_were() -> None:
    """T6: a caller's row does not change under its hands."""
    tracker = tracker_of(("a", FAILURE))
    row = tracker.outcomes["a"]
    tracker.record_outcome("a", FAILURE)
    assert row.install_failures == 1
    assert tracker.outcomes["a"] == OutcomeStats.model_validate({**tracker.outcomes["a"].model_dump()})


def test_a_component_can_be_undeprecated() -> None:
    """T15: what was deprecated up to now is no more, and a later event deprecates it again."""
    tracker = OutcomeTracker()
    tracker.record_outcome("a", DEPRECATED)
    tracker.undeprecate("a")
    tracker.undeprecate("never seen")
    assert tracker.get_deprecated() == []
    assert list(tracker.outcomes) == ["a"]
    again = OutcomeTracker.model_validate_json(tracker.model_dump_json())
    again.record_outcome("a", DEPRECATED)
    assert again.get_deprecated() == ["a"]

from datetime import UTC, datetime

import orjson
import pytest

from processor.domain.stats import (
    EMPTY,
    Stats,
    StatsError,
    from_json,
    from_model,
    merge,
    merge_model,
    of_event,
    to_json,
    to_model,
)
from schemas import OutcomeStats, OutcomeType

ROW: Stats = (3, 4, 5, 6, 1_000_000, 2_000_001, 3_000_002, None, 4)


@pytest.mark.parametrize(
    ("outcome_type", "change"),
    [
        (OutcomeType.INSTALL_SUCCESS, (1, 0, 0, 0, 7, 7, None, None, 0)),
        (OutcomeType.INSTALL_FAILURE, (0, 1, 0, 0, 7, None, 7, None, 0)),
        (OutcomeType.USED_IN_SESSION, (0, 0, 1, 0, 7, None, None, None, 0)),
        (OutcomeType.REMOVED_BY_USER, (0, 0, 0, 1, 7, None, None, None, 0)),
        (OutcomeType.DEPRECATED, (0, 0, 0, 0, 7, None, None, (1, 7, 7, None, False), 0)),
    ],
)
def test_what_an_event_changes(outcome_type: OutcomeType, change: Stats) -> None:
    """T6, T15: one counter and its time; `deprecated` changes no counter; each type sets `first_seen`."""
    assert of_event(outcome_type, 7) == change


def test_merge_takes_the_right_end_of_each_time() -> None:
    """S1: first seen and deprecated are the earliest, last success and last failure the latest."""
    a: Stats = (1, 0, 0, 0, 10, 10, 40, (1, 20, 20, None, False), 2)
    b: Stats = (0, 1, 2, 3, 20, 30, 30, (2, 10, 30, None, False), -1)
    assert merge(a, b) == (1, 1, 2, 3, 10, 30, 40, (3, 10, 30, None, False), 1)


def test_time_zero_is_a_time() -> None:
    """S1: the epoch itself is not "no time"."""
    assert merge(of_event(OutcomeType.DEPRECATED, 0), of_event(OutcomeType.DEPRECATED, 5))[4:] == (
        0,
        None,
        None,
        (2, 0, 5, None, False),
        0,
    )
    assert merge(EMPTY, of_event(OutcomeType.INSTALL_SUCCESS, 0))[4] == 0


def test_json_is_that_of_the_model() -> None:
    """S19: what the fold writes is what the contract's model writes, byte for byte, formulas included."""
    value = to_json("pkg:deb/x", ROW)
    assert value == to_model("pkg:deb/x", ROW).model_dump_json().encode()
    fields = orjson.loads(value)
    assert fields["success_rate"] == 3 / 7
    assert fields["is_problematic"] is True
    assert fields["last_success"] == "1970-01-01T00:00:02.000001Z"
    assert fields["deprecated_at"] is None


def test_a_row_of_the_release_before_reads_as_it_was() -> None:
    """S13: golden bytes of a row that knows no failure sessions; they are counted from there on."""
    value = (
        b'{"component_id":"pkg:deb/x","install_successes":3,"install_failures":4,"usage_count":5,'
        b'"removal_count":6,"first_seen":"1970-01-01T00:00:01.000000Z",'
        b'"last_success":"1970-01-01T00:00:02.000001Z","last_failure":"1970-01-01T00:00:03.000002Z",'
        b'"deprecated_at":null,"success_rate":0.42857142857142855,"is_problematic":true}'
    )
    assert from_json(value) == ("pkg:deb/x", (*ROW[:-1], 0))


@pytest.mark.parametrize("value", [b"", b"[]", b"7", b"null", b"{}", b'{"component_id":"a"}', b"\xff"])
def test_what_is_no_row(value: bytes) -> None:
    """S13: a row that cannot be read is an error that shows it, never an empty row."""
    with pytest.raises(StatsError, match="not a component's row"):
        from_json(value)


def test_row_with_a_bad_time_is_no_row() -> None:
    """S13: a time without a zone is not guessed."""
    with pytest.raises(StatsError, match="no zone"):
        from_json(to_json("a", ROW).replace(b"Z", b""))


def test_model_is_merged_without_being_changed() -> None:
    """T6: a row that was handed out stays as it was."""
    before = OutcomeStats(component_id="a", install_failures=1, first_seen=datetime(2026, 1, 1, tzinfo=UTC))
    after = merge_model(before, of_event(OutcomeType.INSTALL_FAILURE, from_model(before)[4] or 0))
    assert (before.install_failures, after.install_failures) == (1, 2)
    assert after.first_seen == before.first_seen == after.last_failure

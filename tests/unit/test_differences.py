"""Which rows of two generations differ, and what is told of why."""

import orjson
import pytest

from processor.serve.differences import Makings, differences, settings_that_differ, summed
from schemas.corrections import Correction
from tests.records import uuid_of
from tests.served import pair, stats

SAME = (Makings({"session_gap_s": 60}), Makings({"session_gap_s": 60}))


def correction(component_id: str) -> Correction:
    return Correction.model_validate(
        {
            "correction_id": uuid_of(1),
            "kind": "forget_component",
            "at": "2026-01-02T12:00:00Z",
            "by": "me",
            "reason": "a bad batch",
            "component_id": component_id,
            "before": [1],
        }
    )


def test_equal_rows_do_not_differ_whatever_their_spelling() -> None:
    """Another order of fields or other blanks are no difference."""
    key, value = stats("a", 1, 2)
    spelled = orjson.dumps(dict(reversed(orjson.loads(value).items())), option=orjson.OPT_INDENT_2)
    assert list(differences("component-stats", {key: value}, {key: spelled}, SAME)) == []


def test_each_field_that_differs_is_told_with_both_values() -> None:
    """A row, its fields, the old and the new value; without another reason it is the fold."""
    old, new = dict([stats("a", 1, 2), stats("b")]), dict([stats("a", 1, 3), stats("b")])
    (found,) = differences("component-stats", old, new, SAME)
    assert found.ids == ("a",)
    assert found.fields["install_failures"] == (2, 3)
    assert {"install_failures", "success_rate", "is_problematic"} <= set(found.fields)
    assert "component_id" not in found.fields
    assert "the fold changed" in found.why


def test_rows_that_only_one_has_are_told() -> None:
    """What came and what is gone: None stands for the row that is not there."""
    (came,) = differences("co-failures", {}, dict([pair("a", "b", 3)]), SAME)
    (gone,) = differences("co-failures", dict([pair("a", "b", 3)]), {}, SAME)
    assert (came.ids, came.fields["count"]) == (("a", "b"), (None, 3))
    assert (gone.ids, gone.fields["count"]) == (("a", "b"), (3, None))


@pytest.mark.parametrize(
    ("table", "setting", "is_why"),
    [
        ("co-failures", "session_gap_s", True),
        ("co-failures", "mass_failure_cap", True),
        ("component-stats", "mass_failure_cap", False),
        ("component-stats", "ring_size", True),
        ("component-stats", "clock_skew_s", False),
    ],
)
def test_a_setting_is_why_where_the_field_depends_on_it(table: str, setting: str, is_why: bool) -> None:
    """A cap on sessions cannot change a count of installs."""
    makings = (Makings({setting: 1}), Makings({setting: 2}))
    old, new = (
        (pair("a", "b", 1), pair("a", "b", 2)) if table == "co-failures" else (stats("a", 1), stats("a", 2))
    )
    (found,) = differences(table, dict([old]), dict([new]), makings)
    assert (f"{setting} 1 -> 2" in found.why) == is_why
    assert settings_that_differ(*makings) == {setting: (1, 2)}


def test_a_correction_is_why_where_it_names_the_component() -> None:
    """Who reads the difference learns whose correction it was; others' rows are not blamed on it."""
    makings = (Makings({}), Makings({}, (correction("a"),)))
    old, new = dict([stats("a", 2), stats("b", 2)]), dict([stats("a", 1), stats("b", 1)])
    a, b = differences("component-stats", old, new, makings)
    assert "a bad batch" in a.why
    assert "a bad batch" not in b.why


def day(hours: dict[str, list[int]], failures: int) -> dict[bytes, bytes]:
    row = {"component_id": "a", "day": "2026-01-02", "install_failures": failures, "hours": hours}
    return {b'["a","2026-01-02"]': orjson.dumps(row)}


def test_a_day_is_told_hour_by_hour() -> None:
    """The hours that differ, and no others; the clock's setting may have moved an event."""
    makings = (Makings({"clock_skew_s": 600}), Makings({"clock_skew_s": 60}))
    old = day({"07": [0, 1, 0, 0], "08": [0, 2, 0, 0]}, 3)
    new = day({"07": [0, 1, 0, 0], "09": [0, 2, 0, 0]}, 3)
    (found,) = differences("component-history", old, new, makings)
    assert found.ids == ("a", "2026-01-02")
    assert found.fields == {"hours.08": ([0, 2, 0, 0], None), "hours.09": (None, [0, 2, 0, 0])}
    assert found.why == "clock_skew_s 600 -> 60"


def totals(*sessions: int) -> dict[bytes, bytes]:
    rows = enumerate(sessions)
    return {b"%d" % at: orjson.dumps({"partition": at, "sessions": n, "hosts": 2 * n}) for at, n in rows}


def test_the_fleets_totals_are_compared_as_sums() -> None:
    """Another number of partitions is no difference; a gap between sessions is why there are others."""
    assert summed({}) == {}
    assert list(differences("fleet-totals", summed(totals(3, 4)), summed(totals(1, 1, 5)), SAME)) == []
    makings = (Makings({"session_gap_s": 60}), Makings({"session_gap_s": 20}, (correction("a"),)))
    (found,) = differences("fleet-totals", summed(totals(3, 4)), summed(totals(5, 4)), makings)
    assert (found.ids, found.fields) == (("fleet",), {"sessions": (7, 9), "hosts": (14, 18)})
    assert "session_gap_s 60 -> 20" in found.why
    assert "a bad batch" in found.why

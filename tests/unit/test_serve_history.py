"""Time lines in memory and over HTTP: rows in, hours and days out, and nothing where none are followed."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from processor.serve.answers import Answers
from processor.serve.follower import Source
from processor.serve.historyrows import HistoryRows, NoHistoryError
from processor.serve.restart import begin_from, save
from processor.serve.snapshot import Head
from schemas import ComponentHistory, HistoryDay
from tests.asking import Asker
from tests.served import EVIL, answers_of, day, record, stats

HOURS = {"00": [1, 0, 0, 0], "13": [0, 2, 5, 1]}
NEW_DAY = day("a", "2026-01-02", 1, 2, 5, 1, hours=HOURS)
OLD_DAY = day("a", "2025-12-24", 7, 1)

rows_of_days = st.lists(
    st.builds(
        lambda component, number, counts, hours: day(
            component, (date(2026, 1, 1) + timedelta(number)).isoformat(), *counts, hours=hours
        ),
        st.sampled_from(["a", EVIL]),
        st.integers(0, 30),
        st.lists(st.integers(0, 9), min_size=4, max_size=4),
        st.dictionaries(
            st.integers(0, 23).map("{:02}".format), st.lists(st.integers(0, 9), min_size=4, max_size=4)
        ),
    )
)


def test_a_time_line_has_hours_and_days() -> None:
    """The days of a component, oldest first, and the hours that its newest days still tell apart."""
    answers = answers_of(days=[NEW_DAY, OLD_DAY])
    told = answers.history("a")
    assert [(each.start.isoformat(), each.install_failures) for each in told.days] == [
        ("2025-12-24T00:00:00+00:00", 1),
        ("2026-01-02T00:00:00+00:00", 2),
    ]
    assert [(each.start.hour, each.usage_count, each.removal_count) for each in told.hours] == [
        (0, 0, 0),
        (13, 5, 1),
    ]
    assert answers.history("unknown") == ComponentHistory(component_id="unknown", hours=[], days=[])


def test_a_day_that_is_deleted_is_gone() -> None:
    """A tombstone takes its day away, and the last one the component; one of no day changes nothing."""
    answers = answers_of(days=[NEW_DAY, OLD_DAY])
    number = answers.changes.last
    answers.take_history([record(OLD_DAY[0], None), record(day("never", "2026-01-01")[0], None)])
    assert len(answers.history("a").days) == 1
    assert [(each.kind, each.ids) for each in answers.changes.since(number)] == [("history", ("a",))]
    answers.take_history([record(NEW_DAY[0], None)])
    assert answers.days is not None
    assert (answers.days.days, answers.days.count) == ({}, 0)


def test_the_newest_row_of_a_day_counts() -> None:
    """A day that is written again stands once, as it was written last."""
    answers = answers_of(days=[NEW_DAY, day("a", "2026-01-02", 9)])
    assert answers.history("a").days[0].install_successes == 9
    assert answers.days is not None
    assert answers.days.count == 1


@given(rows_of_days)
def test_a_time_line_is_what_the_contract_makes_of_the_rows(rows: list[tuple[bytes, bytes]]) -> None:
    """Rows are checked once and decoded without a second check: the time line is the same."""
    newest = dict(rows)
    of_a = [HistoryDay.model_validate_json(value) for value in newest.values()]
    answers = answers_of(days=rows)
    for component_id in ("a", EVIL):
        expected = ComponentHistory.from_days(
            component_id, [each for each in of_a if each.component_id == component_id]
        )
        assert answers.history(component_id) == expected
    assert answers.bad_rows == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, NEW_DAY[1]),
        (b"a", NEW_DAY[1]),
        (b'["a"]', NEW_DAY[1]),
        (b"a", None),
        (NEW_DAY[0], b"{"),
        (NEW_DAY[0], b"[]"),
        (NEW_DAY[0], OLD_DAY[1]),
        (NEW_DAY[0], day("b", "2026-01-02")[1]),
        day("a", "2026-13-01"),
        day("a", "2026-01-02", -1),
        (NEW_DAY[0], NEW_DAY[1].replace(b'"install_failures":2', b'"install_failures":"2"')),
        (NEW_DAY[0], NEW_DAY[1].replace(b'"usage_count":5,', b"")),
        day("a", "2026-01-02", hours={"24": [0, 0, 0, 1]}),
        day("a", "2026-01-02", hours={"01": [0, 0, 1]}),
        day("a", "2026-01-02", hours={"01": [0, 0, 0, -1]}),
        (NEW_DAY[0], NEW_DAY[1].replace(b'"13":[0,2,5,1]', b'"13":7')),
    ],
)
def test_what_is_no_day_changes_nothing_and_is_counted(key: bytes | None, value: bytes | None) -> None:
    """X1: something else that writes to the topic is told of at once, and never breaks an answer."""
    answers = answers_of(days=[OLD_DAY])
    before = answers.history("a")
    answers.take_history([record(key, value)])
    assert answers.bad_rows == 1
    assert answers.history("a") == before


def test_a_view_without_time_lines_says_so() -> None:
    """A scoring service does not pay for days; who asks all the same is told what to do."""
    answers = answers_of(days=None)
    answers.take_history([record(*NEW_DAY)])
    with pytest.raises(NoHistoryError, match="history=True"):
        answers.history("a")


async def test_a_snapshot_holds_the_time_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X9: days come back from the file as they went in, ids of any kind too."""

    async def kept(*_: object) -> int:
        return 86_400_000

    monkeypatch.setattr("processor.serve.restart._delete_retention_ms", kept)
    rows = [NEW_DAY, OLD_DAY, day(EVIL, "2026-01-01", 3)]
    answers = answers_of([stats("a"), stats(EVIL)], days=rows)
    where = {TopicPartition("component-history", 0): 3}
    await save(tmp_path / "snapshot", Head.of("cluster", where, 0), answers)
    again = Answers(history=True)
    offsets = await begin_from(
        tmp_path / "snapshot",
        Source("cluster", dict.fromkeys(where, 0), where),
        ["component-history"],
        {},
        again,
    )
    assert offsets == where
    assert again.days is not None
    assert answers.days is not None
    assert (again.days.days, again.rows.values) == (answers.days.days, answers.rows.values)
    assert (again.days.count, again.bad_rows) == (3, 0)


# Over HTTP.


async def test_a_time_line_over_http() -> None:
    """X9: by the component's path, whatever the id: hours and days, a tag, 304."""
    for component_id in ("pkg:deb/debian/curl", EVIL):
        row = day(component_id, "2026-01-02", 1, 2, 5, 1, hours=HOURS)
        asker = Asker(answers_of([stats(component_id)], days=[row]))
        path = f"/v1/components/{quote(component_id, safe='')}/history"
        answer = await asker.get(path)
        assert answer.json == {
            "component_id": component_id,
            "hours": [
                bucket("2026-01-02T00:00:00.000000Z", 1, 0, 0, 0),
                bucket("2026-01-02T13:00:00.000000Z", 0, 2, 5, 1),
            ],
            "days": [bucket("2026-01-02T00:00:00.000000Z", 1, 2, 5, 1)],
        }
        assert ComponentHistory.model_validate_json(answer.body) == asker.context.answers.history(
            component_id
        )
        assert (await asker.get(path, if_none_match=answer.headers["etag"])).status == 304
        asker.context.answers.take_history([record(*day(component_id, "2026-01-03", 1))])
        assert (await asker.get(path, if_none_match=answer.headers["etag"])).status == 200


def bucket(start: str, *counts: int) -> dict[str, Any]:
    names = ("install_successes", "install_failures", "usage_count", "removal_count")
    return {"start": start, **dict(zip(names, counts, strict=True))}


async def test_a_component_without_a_count_has_an_empty_time_line() -> None:
    """Known from its row alone, or from its days alone: 200; never seen: 404."""
    asker = Asker(answers_of([stats("old")], days=[day("new", "2026-01-02", 1)]))
    assert (await asker.get("/v1/components/old/history")).json["days"] == []
    assert len((await asker.get("/v1/components/new/history")).json["days"]) == 1
    unknown = await asker.get("/v1/components/never/history")
    assert (unknown.status, unknown.json["detail"]) == (404, "this component was never seen")


async def test_lists_have_time_lines_if_they_are_asked_for() -> None:
    """Many at once, page by page; not more on a page than 100."""
    asker = Asker(answers_of([stats("a"), stats("b")], days=[NEW_DAY]))
    page = (await asker.get("/v1/components?history=true&limit=100")).json["components"]
    assert [(each["component_id"], len(each["history"]["days"])) for each in page] == [("a", 1), ("b", 0)]
    assert "history" not in (await asker.get("/v1/components")).json["components"][0]
    many = Asker(answers_of([stats(f"c{n:03}") for n in range(150)]))
    first = (await many.get("/v1/components?history=true&limit=1000")).json
    rest = (await many.get(f"/v1/components?history=true&limit=1000&after={first['next']}")).json
    assert (len(first["components"]), len(rest["components"]), rest["next"]) == (100, 50, None)


async def test_a_service_without_time_lines_says_so() -> None:
    """The path is a problem that says what to do, a list has null, and so has the status."""
    asker = Asker(answers_of([stats("a")], days=None))
    answer = await asker.get("/v1/components/a/history")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "--history" in answer.json["detail"]
    assert (await asker.get("/v1/components?history=true")).json["components"][0]["history"] is None
    assert (await asker.get("/v1/status")).json["rows"]["days"] is None
    assert (await asker.get("/metrics")).status == 200


def test_a_date_stands_once_in_memory() -> None:
    """However many components have a day, its name is one object."""
    rows = HistoryRows()
    rows.put([record(*day(each, "2026-01-02", 1)) for each in "ab"])
    (one,), (other,) = rows.days["a"], rows.days["b"]
    assert one is other

"""Which events a correction makes void: by what they say, and by where their originals stand."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import ValidationError

from processor.domain.config import FoldConfig
from processor.domain.corrections import Corrections, CorrectionsError, origin_of
from processor.domain.decode import decode, decode_one
from processor.domain.events import Event
from processor.domain.names import Book
from processor.domain.record import FROM_HEADER
from schemas.corrections import Correction
from schemas.times import parse_us, to_us
from tests.records import FakeRecord, at, event, record, uuid_of

CONFIG = FoldConfig(partitions=4)
HOST = "host-1"


def correction(**fields: Any) -> Correction:
    """A retract with some fields of its own; the log had ended at 10 in each of four partitions."""
    plain = {
        "correction_id": UUID(int=7),
        "kind": "retract",
        "at": datetime(2026, 1, 3, tzinfo=UTC),
        "by": "ada",
        "reason": "a test",
        "before": [10, 10, 10, 10],
    }
    return Correction.model_validate(plain | fields)


def corrections(*several: Correction) -> Corrections:
    return Corrections.from_records(one.model_dump_json().encode() for one in several)


def void(some: Corrections, *records: FakeRecord, partition: int = 0) -> list[int]:
    """The void places among records, by column, and held to be the same one by one."""
    book = Book()
    found = some.places(decode(records, CONFIG, book).events, book, partition)
    for place, each in enumerate(records):
        fields = orjson.loads(each.value or b"")
        host, at_us = fields["host_id"], parse_us(fields["timestamp"])
        single = some.voids(
            fields["component_id"],
            fields["outcome_type"],
            at_us,
            host,
            UUID(fields["event_id"]),
            origin_of(each, partition),
        )
        assert single == (place in found)
    return found


EVENTS = [
    record(event(event_id=uuid_of(0)), offset=0),
    record(event(event_id=uuid_of(1), host_id="host-2"), offset=1),
    record(event(event_id=uuid_of(2), component_id="other"), offset=2),
    record(event(event_id=uuid_of(3), timestamp=at(60)), offset=3),
    record(event(event_id=uuid_of(4), outcome_type="used_in_session"), offset=4),
    record(event(event_id=uuid_of(5)), offset=10),
]


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"kind": "forget_host", "host_id": HOST}, [0, 2, 3, 4]),
        ({"kind": "forget_component", "component_id": "other"}, [2]),
        ({"host_id": HOST, "component_id": "other"}, [2]),
        ({"since": at(60)}, [3]),
        ({"until": at(60)}, [0, 1, 2, 4]),
        ({"since": at(0), "until": at(0.000001), "outcome_type": "used_in_session"}, [4]),
        ({"event_ids": [uuid_of(1), uuid_of(3), uuid_of(5)]}, [1, 3]),
        ({"host_id": "host-3"}, []),
        ({"component_id": "third"}, []),
    ],
)
def test_what_is_named_is_void_up_to_the_end_of_then(fields: dict[str, Any], places: list[int]) -> None:
    """All selecting fields must hold; `since` is in, `until` is not, and what came later counts."""
    assert void(corrections(correction(**fields)), *EVENTS) == places


def test_several_corrections_add_up() -> None:
    """An event is void if any correction says so."""
    some = corrections(
        correction(host_id="host-2"), correction(component_id="other"), correction(since=at(60))
    )
    assert void(some, *EVENTS) == [1, 2, 3]
    assert bool(some)


def test_a_copy_is_judged_by_its_original() -> None:
    """S12: a forwarded copy stands wherever it stands; its original's place says whether it is meant."""
    some = corrections(correction(host_id=HOST, before=[10, 5]))
    early = record(event(), offset=99, headers=((FROM_HEADER, b"p/outcome-events/1/4"),))
    late = record(event(), offset=1, headers=((FROM_HEADER, b"p/outcome-events/1/5"),))
    stray = record(event(), offset=1, headers=(("fleetfold-time", b"1"),))
    assert void(some, early, late, stray) == [0, 2]


def test_partitions_that_came_later_hold_nothing_void() -> None:
    """A partition that was added after the correction has only later events."""
    some = corrections(correction(host_id=HOST, before=[10]))
    assert void(some, EVENTS[0], partition=0) == [0]
    assert void(some, EVENTS[0], partition=1) == []


def test_an_undeprecation_voids_no_event() -> None:
    """It speaks of a component up to a time; the newest word for a component stands."""
    early, late = (datetime(2026, 1, day, tzinfo=UTC) for day in (3, 4))
    kind = {"kind": "undeprecate", "component_id": "a", "before": None}
    some = corrections(correction(**kind, at=late), correction(**kind, at=early))
    assert not some
    assert some.undeprecated_us == {"a": int(late.timestamp()) * 1_000_000}
    assert len(some.all) == 2


def test_forgetting_a_component_forgets_that_it_was_undeprecated() -> None:
    """Its row goes with all that was said of it; what is said afterwards holds."""
    said = correction(kind="undeprecate", component_id="a", before=None)
    forgotten = correction(kind="forget_component", component_id="a", before=[10])
    assert corrections(said, forgotten).undeprecated_us == {}
    assert corrections(forgotten, said).undeprecated_us.keys() == {"a"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"outcome_type": "deprecated"},
        {"host_id": HOST, "before": None},
        {"kind": "forget_host"},
        {"kind": "forget_component", "host_id": HOST},
        {"kind": "undeprecate"},
        {"kind": "unheard_of", "host_id": HOST},
    ],
)
def test_a_correction_says_what_it_means(fields: dict[str, Any]) -> None:
    """One that names nothing in particular, or does not know where the log ended, is none."""
    with pytest.raises(ValidationError):
        correction(**fields)


def test_an_unreadable_correction_is_not_passed_over() -> None:
    """A rebuild that cannot read a correction must not go on as if there were none."""
    with pytest.raises(CorrectionsError, match="not a correction"):
        Corrections.from_records([b"{}"])
    with pytest.raises(CorrectionsError):
        Corrections.from_records([None])


def test_an_event_of_unknown_place_is_judged_by_the_time_of_its_record() -> None:
    """A dead letter of a rebuilt generation: void if it came before the correction, and not later."""
    made = corrections(correction(host_id=HOST, before=[0, 0, 0, 0]))
    made_ms = to_us(made.all[0].at) // 1000
    for heard_ms, is_void in ((made_ms, True), (made_ms + 1, False)):
        one = decode_one(record(event(), timestamp=heard_ms), CONFIG)
        assert isinstance(one, Event)
        assert made.is_void(one, None) is is_void
        assert not made.is_void(one, 0)  # where it stood nothing was meant

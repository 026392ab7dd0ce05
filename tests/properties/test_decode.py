"""The two ways of decoding give the same events, whatever comes in."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.config import FoldConfig
from processor.domain.decode import decode_one
from processor.domain.events import Event
from processor.domain.names import Book
from processor.domain.record import FROM_HEADER, TIME_HEADER, DeadLetter
from processor.domain.split import split
from tests.records import FakeRecord, at, decoded, event, taken, uuid_of

CONFIG = FoldConfig()
ODD_VALUES = [b"", b"{", b"[]", b"null", b"3", b"\xff", b'"\\ud800"', b"[" * 2_000, b"{}", None]
ODD_TIMES = [
    "2026-01-02",
    "2026-01-02T11:59:59.25Z",
    "2026-01-02T11:59:59.250Z",
    "2026-01-02T11:59:59Z",
    "2026-01-02T11:59:59z",
    "2026-01-02T11:59:59.000250+00:00",
    "2026-01-02T11:59:59.000250-00:00",
    "2026-01-02T24:00:00.000250+00:00",
    "2026-01-02T11:59+00:00Z",
    "2026-01-02T11:5.+00:00Z",
    "2026-02-29T00:00:00.000000Z",
    "2026-01-02T24:00:00.000000Z",
    "2026-01-02T12:60:00.000000Z",
    "2016-12-31T23:59:60.000000Z",
    "0000-01-02T12:00:00.000000Z",
    "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-01-02T12:00:00.00000Z",
    "2026-01-02T12:00:00.0000000Z",
    "2026-01-02T12:00:00.000000+",
    "2026-01-02 12:00:00.000000Z",
    "2026-01-02T12:00:00+01:30",
    "2026-01-02T12:00:00",
    "٢026-01-02T12:00:00.000000Z",
]
ODD_IDS = ["", "0" * 32, "{01900000-0000-7000-8000-000000000000}", uuid_of(1).upper(), uuid_of(1)[:-1] + "g"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
anything: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | texts
    | st.just("x" * 300)
    | st.just([])
    | st.just({})
)
times = st.floats(-1_000, 1_000).map(at) | st.sampled_from(ODD_TIMES)
plain = st.fixed_dictionaries(
    {},
    optional={
        "component_id": texts.filter(bool),
        "outcome_type": st.sampled_from(["install_success", "install_failure", "deprecated"]),
        "timestamp": times,
        "event_id": st.integers(0, 2**48 - 1).map(uuid_of) | st.sampled_from(ODD_IDS),
        "host_id": texts,
        "context": texts,
    },
)
names = st.sampled_from([*event(), "other"])


@st.composite
def values(draw: st.DrawFn) -> bytes | None:
    """Draw a value: mostly an event, plain or with a field gone or spoiled, sometimes rubbish."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(ODD_VALUES) | st.binary(max_size=20))
    fields: dict[str, Any] = event() | draw(plain)
    if kind == 1:
        fields.pop(draw(names), None)
    elif kind == 2:
        fields[draw(names)] = draw(anything)
    return orjson.dumps(fields)


noon_ms = FakeRecord().timestamp
headers = st.lists(
    st.tuples(
        st.sampled_from([FROM_HEADER, TIME_HEADER, "trace"]),
        st.sampled_from([b"", b"%d" % (noon_ms - 5_000), b"x"]),
    ),
    max_size=3,
)
records = st.builds(
    FakeRecord,
    timestamp=st.sampled_from([-1, noon_ms, noon_ms, noon_ms - 500_000, 10**17]),
    key=st.none() | st.binary(max_size=3) | st.just(b"k" * 300),
    value=values(),
    headers=st.just(()) | headers,
)


def check_both_ways(run: list[FakeRecord]) -> None:
    """Hold the decoding of a run to that of each of its records by itself."""
    ones = [decode_one(taken(each), CONFIG) for each in run]
    found = decoded(run, CONFIG)
    assert found.events == [one for one in ones if isinstance(one, Event)]
    assert found.dead == [one for one in ones if isinstance(one, DeadLetter)]
    assert found.ignored == ones.count(None)


@given(st.lists(records, max_size=30))
def test_by_column_and_one_by_one_are_the_same(run: list[FakeRecord]) -> None:
    """S1, X1-X7: any run of records, decoded by column, gives what each record gives by itself."""
    check_both_ways(run)


ORDERS = [
    tuple(event()),
    tuple(event())[::-1],
    ("host_id", "event_id", "timestamp", "outcome_type", "component_id"),
]
TRAPS = [
    '"',
    "\\",
    '\\"',
    "\n",
    '","',
    '","\n","',
    '"}',
    '{"',
    'host_id":"',
    "\x00",
    "\x7f",
    "\u202e",
    "\ud7ff",
]
pieces = st.lists(st.sampled_from(["a", "b", "é", *TRAPS]), max_size=3).map("".join)
changes = st.fixed_dictionaries(
    {},
    optional={
        "component_id": pieces,
        "outcome_type": st.sampled_from(["used_in_session", "install_failure", "other"]) | pieces,
        "timestamp": times | pieces,
        "event_id": st.integers(0, 2**48 - 1).map(uuid_of) | st.sampled_from(ODD_IDS) | pieces,
        "host_id": pieces,
        "context": pieces,
    },
)


@st.composite
def runs_of_one_shape(draw: st.DrawFn) -> list[FakeRecord]:
    """Draw values of one publisher, without the escapes that they may need, and maybe cut elsewhere."""
    names = draw(st.sampled_from(ORDERS))
    drawn = draw(st.lists(st.just({}) | changes, min_size=1, max_size=8))
    objects = [event() | each for each in drawn]
    values = [b"{%b}" % ",".join(f'"{name}":"{each[name]}"' for name in names).encode() for each in objects]
    if draw(st.booleans()) and len(values) > 1:  # what was one value and the start of the next may seem two
        at = draw(st.integers(0, len(values) - 2))
        joint = draw(st.sampled_from([b"", b'","', b'","\n","']))
        both = values[at] + joint + values[at + 1]
        cut = draw(st.integers(0, len(both)))
        values[at : at + 2] = [both[:cut], both[cut:].removeprefix(b'","')]
    keys = draw(st.sampled_from([None, b"host-1", b'"', b"\xff"]))
    return [FakeRecord(key=keys, value=value) for value in values]


@given(runs_of_one_shape())
def test_splitting_takes_no_value_for_what_it_is_not(run: list[FakeRecord]) -> None:
    """X1, X2, X9: values that look alike, with quotes and joints in wrong places, decode as each alone."""
    check_both_ways(run)


def test_a_publishers_run_is_split() -> None:
    """What our own publisher writes is taken apart without the parser."""
    values = [orjson.dumps(event(event_id=uuid_of(number))) for number in range(20)]
    book = Book()
    plain = split(values, book)
    assert plain is not None
    assert plain.hosts.tolist() == [0] * 20
    assert (book.hosts.by_number, book.components.by_number) == ([b"host-1"], [event()["component_id"]])
    assert split([*values, b"{}"], Book()) is None

"""Intake at its edges: duplicates, lateness, misrouted events, and what a batch comes to."""

from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson
import pytest

from processor.domain.config import FoldConfig
from processor.domain.forwarding import MISROUTED_TWICE
from processor.domain.history import HOUR_US
from processor.domain.intake import IntakeCounts, fold
from processor.domain.ledger import LedgerError, decode, encode
from processor.domain.merge import NegativeCountError, fold_pairs
from processor.domain.notes import stated
from processor.domain.partition import partition_of
from processor.domain.record import FROM_HEADER, TIME_HEADER
from processor.domain.stats import EMPTY, merge, of_event
from processor.domain.totals import Totals
from schemas import OutcomeType
from tests.records import NOON, FakeRecord, Fleet, at, event, record, uuid_of

if TYPE_CHECKING:
    from processor.domain.ledger import Row

ONE = FoldConfig(partitions=1)
FOUR = FoldConfig(partitions=4)
NOON_US = int(NOON.timestamp()) * 1_000_000
HOME = partition_of(b"host-1", 4)
AWAY = (HOME + 1) % 4
NO_COUNTS: dict[bytes, int] = {}


def use(number: int, **fields: object) -> FakeRecord:
    """Return the record of a use with this event id."""
    return record(event(outcome_type="used_in_session", event_id=uuid_of(number), **fields))


def test_a_batch_in_one_look() -> None:
    """S1: deltas, pair changes, ledgers and counts of a small batch."""
    records = [
        record(event(component_id="a", event_id=uuid_of(1))),
        record(event(component_id="b", event_id=uuid_of(2), timestamp=at(60))),
        record(event(component_id="b", event_id=uuid_of(2), timestamp=at(61))),
        record(event(component_id="b", outcome_type="install_success", event_id=uuid_of(3))),
        record(event(component_id="a", outcome_type="deprecated", event_id=uuid_of(4), timestamp=at(-5))),
        record(value=b"{"),
        record(value=None),
    ]
    result = fold(records, 0, {}, ONE)
    assert result.deltas == {
        "a": (
            0,
            1,
            0,
            0,
            NOON_US - 5_000_000,
            None,
            NOON_US,
            stated(1, NOON_US - 5_000_000, NOON_US - 5_000_000),
            1,
        ),
        "b": (1, 1, 0, 0, NOON_US, NOON_US, NOON_US + 60_000_000, None, 1),
    }
    assert result.spreads == {"a": ([NOON_US // HOUR_US, 0, 1, 0, 0], [])}  # its first event is of 11 o'clock
    assert result.totals == Totals(
        sessions=1, install_successes=1, install_failures=2, deprecations=1, hosts=1
    )
    assert result.pair_changes == {("a", "b"): 1}
    ((host, row),) = result.ledgers.items()
    assert host == b"host-1"
    assert (len(row[0]), row[1]) == (4 * 8, NOON_US)
    assert row[2] == ((NOON_US, NOON_US + 60_000_000, ("a", "b")),)
    assert result.counts == IntakeCounts(events=4, duplicates=1, ignored=1, dead=1)
    assert result.newest_us == NOON_US


@pytest.mark.parametrize("outcome", OutcomeType)
def test_a_delta_is_what_its_events_merge_to(outcome: OutcomeType) -> None:
    """S1: for each outcome a batch's delta equals the merge of its events one by one."""
    seconds = [5, 1, 9, 3]
    fields = [event(outcome_type=outcome, timestamp=at(s), event_id=uuid_of(s)) for s in seconds]
    merged = EMPTY
    for s in seconds:
        merged = merge(merged, of_event(outcome, NOON_US + s * 1_000_000))
    (delta,) = fold([record(each) for each in fields], 0, {}, ONE).deltas.values()
    in_sessions = int(outcome is OutcomeType.INSTALL_FAILURE)
    assert delta == (*merged[:-1], in_sessions)


@pytest.mark.parametrize("cut", [0, 1, 64, 65])
def test_the_last_64_ids_are_known(cut: int) -> None:
    """S4: the 64th id back is a duplicate, the 65th is not; across batches, and from an encoded row."""
    config = FoldConfig(partitions=1)
    records = [use(number) for number in range(65)]
    first = fold(records[:cut], 0, {}, config)
    hosts = {host: encode(row) for host, row in first.ledgers.items()}
    second = fold(records[cut:], 0, hosts, config)
    rows: dict[bytes, Row | bytes] = {**hosts, **second.ledgers}
    assert fold([use(1)], 0, rows, config).counts.duplicates == 1
    assert fold([use(0)], 0, rows, config).counts.duplicates == 0


def test_a_duplicate_changes_nothing() -> None:
    """S4: it does not refresh its id's place, the host's row, or any count but its own."""
    before = fold([use(number) for number in range(64)], 0, {}, ONE).ledgers
    late = record(event(outcome_type="used_in_session", event_id=uuid_of(0)), timestamp=10**13)
    again = fold([late], 0, before, ONE)
    assert (again.ledgers, again.deltas, again.counts) == ({}, {}, IntakeCounts(duplicates=1))
    pushed = fold([late, use(64), use(0)], 0, before, ONE)
    assert pushed.counts == IntakeCounts(events=2, duplicates=1)


def test_skew_is_counted_beside_duplicates() -> None:
    """X5: only an event that counts is counted as skewed, wherever the duplicates of its batch stand."""
    ahead = use(3, timestamp=at(3_600))
    counts = fold([use(1), use(1), ahead, ahead], 0, {}, ONE).counts
    assert (counts.events, counts.duplicates, counts.skewed) == (2, 2, 1)


def test_a_ring_of_one() -> None:
    """S4: the smallest ring knows the last id alone."""
    config = FoldConfig(partitions=1, ring_size=1)
    counts = fold([use(1), use(1), use(2), use(1)], 0, {}, config).counts
    assert (counts.events, counts.duplicates) == (3, 1)


def test_a_smaller_ring_forgets_at_once() -> None:
    """S4: after the setting shrinks, only so many ids are known as it says."""
    wide = fold([use(number) for number in range(64)], 0, {}, ONE).ledgers
    narrow = FoldConfig(partitions=1, ring_size=32)
    assert fold([use(31)], 0, wide, narrow).counts.duplicates == 0
    assert fold([use(32)], 0, wide, narrow).counts.duplicates == 1


def test_events_without_an_id_are_never_duplicates() -> None:
    """S4: and they push no other id out of the ring."""
    unknown = [record(event(event_id=None))] * 70
    result = fold([use(1), *unknown, use(1)], 0, {}, ONE)
    assert (result.counts.events, result.counts.duplicates) == (71, 1)
    assert [len(row[0]) for row in result.ledgers.values()] == [8]


def test_the_same_id_on_two_hosts_is_two_events() -> None:
    """S4: an event id counts per host."""
    assert fold([use(1, host_id="a"), use(1, host_id="b")], 0, {}, ONE).counts.duplicates == 0


def test_a_late_failure_counts_in_the_stats_alone() -> None:
    """S5: it adds no pairs, leaves the sessions alone, and is counted."""
    records = [
        record(event(component_id="a", event_id=uuid_of(1), timestamp=at(0))),
        record(event(component_id="b", event_id=uuid_of(2), timestamp=at(-3_600.000001))),
        record(event(component_id="c", event_id=uuid_of(3), timestamp=at(-3_600))),
    ]
    result = fold(records, 0, {}, ONE)
    assert (result.counts.late, result.counts.events) == (1, 3)
    assert result.deltas["b"][1] == 1
    (row,) = result.ledgers.values()
    assert [session[2] for session in row[2]] == [("c",), ("a",)]


def test_a_mass_failure_in_a_batch() -> None:
    """S7: a batch whose session passes the cap leaves no pair change at all."""
    records = [record(event(component_id=f"c{n:02d}", event_id=uuid_of(n))) for n in range(51)]
    assert len(fold(records[:50], 0, {}, ONE).pair_changes) == 1_225
    result = fold(records, 0, {}, ONE)
    assert (result.pair_changes, result.counts.mass_failures) == ({}, 1)


def test_an_event_in_the_wrong_partition_is_forwarded() -> None:
    """S12: its copy carries host, origin and first time; nothing of it counts here."""
    stray = record(event(), partition=AWAY, offset=7, key=b"other")
    result = fold([stray], AWAY, {}, FOUR)
    (copy,) = result.forwards
    assert (copy.partition, copy.key, copy.value) == (HOME, b"host-1", stray.value)
    assert dict(copy.headers) == {
        FROM_HEADER: b"outcome-events/%d/7" % AWAY,
        TIME_HEADER: b"%d" % (NOON_US // 1_000),
    }
    assert (result.deltas, result.ledgers, result.counts) == ({}, {}, IntakeCounts(misrouted=1))


def test_a_copy_settles_the_host() -> None:
    """S12: an event that had its host from its key has it as a field afterwards; unknown fields stay."""
    fields = event(host_id=None, extra=[1])
    result = fold([record(fields, key=b"host-1")], AWAY, {}, FOUR)
    (copy,) = result.forwards
    assert orjson.loads(copy.value) == fields | {"host_id": "host-1"}
    assert fold([FakeRecord(value=copy.value, headers=copy.headers)], HOME, {}, FOUR).counts.events == 1


def test_the_nameless_host_has_one_partition() -> None:
    """S12: events without host and key meet where the empty key lives."""
    home = partition_of(b"", 4)
    records = [record(event(host_id=None, event_id=uuid_of(n))) for n in range(2)]
    assert fold(records, home, {}, FOUR).counts.events == 2
    away = fold(records, (home + 1) % 4, {}, FOUR)
    assert [(copy.partition, copy.key) for copy in away.forwards] == [(home, b"")] * 2


def test_a_copy_in_the_wrong_partition_is_not_sent_on() -> None:
    """S12: a copy that is misrouted again (a mirror with other partitions) is a dead letter, not a circle."""
    copy = record(event(), headers=((FROM_HEADER, b"t/0/1"),))
    result = fold([copy], AWAY, {}, FOUR)
    assert ([letter.reason for letter in result.dead], result.forwards) == ([MISROUTED_TWICE], [])
    assert result.counts == IntakeCounts(dead=1)


def test_a_known_host_is_at_home() -> None:
    """S12: a host with a row here is not hashed again."""
    result = fold([record()], AWAY, {b"host-1": (b"", 0, ())}, FOUR)
    assert result.counts.events == 1


def test_a_copy_always_fits() -> None:
    """X12: a record at the edge of the topic's limit is copied with the contract's fields alone."""
    huge = event(context="\x01" * 100_000, extra="x" * 800_000, host_id=None, component_id="\x02" * 256)
    (copy,) = fold([record(huge, key=b"host-1")], AWAY, {}, FOUR).forwards
    assert len(copy.value) < 20_000
    fields = orjson.loads(copy.value)
    assert (fields["component_id"], fields["host_id"], "extra" in fields) == ("\x02" * 256, "host-1", False)
    assert fold([FakeRecord(value=copy.value)], HOME, {}, FOUR).counts.events == 1


def test_a_copy_can_always_be_written() -> None:
    """X1: an unknown field nested deeper than JSON can be written again is left out of the copy."""
    deep = orjson.dumps(event(host_id=None))[:-1] + b',"extra":' + b"[" * 500 + b"]" * 500 + b"}"
    (copy,) = fold([record(value=deep, key=b"host-1")], AWAY, {}, FOUR).forwards
    assert orjson.loads(copy.value) == event()


def test_nothing_handed_in_is_changed() -> None:
    """The folds are pure: rows, encoded rows and the mapping stay as they were."""
    rows = {b"host-1": fold([use(1)], 0, {}, ONE).ledgers[b"host-1"]}
    kept = dict(rows)
    result = fold([use(2), record(event(event_id=uuid_of(3)))], 0, MappingProxyType(rows), ONE)
    assert rows == kept
    assert result.ledgers[b"host-1"] != kept[b"host-1"]


def test_an_encoded_row_folds_as_its_row_does() -> None:
    """S13: a row that recovery left encoded gives the same result."""
    row = fold([record(event(component_id="z"))], 0, {}, ONE).ledgers[b"host-1"]
    records = [record(event()), record(event(event_id=uuid_of(9)))]
    assert fold(records, 0, {b"host-1": encode(row)}, ONE) == fold(records, 0, {b"host-1": row}, ONE)
    assert decode(encode(row)) == row
    with pytest.raises(LedgerError):
        fold(records, 0, {b"host-1": b'{"v":2}'}, ONE)


def test_a_pair_back_at_0_leaves_a_tombstone() -> None:
    """S6: a mass failure withdraws a pair's last count, and its row goes."""
    fleet = Fleet(FoldConfig(partitions=1, mass_failure_cap=2))
    fleet.take([record(event(component_id=name, event_id=uuid_of(n))) for n, name in enumerate("ab")], 0)
    assert fleet.pair_counts == {b'["a","b"]': 1}
    fleet.take([record(event(component_id="c", event_id=uuid_of(9)))], 0)
    assert (fleet.pair_counts, fleet.tombstones) == ({}, {b'["a","b"]'})


def test_pairs_are_unambiguous() -> None:
    """X9: ids with quotes, commas and bars give different keys."""
    counts = fold_pairs([(('a","b', "c"), 1), (("a", 'b","c'), 1), (("a|b", "c"), 1)], NO_COUNTS.get)
    assert len(counts) == 3


def test_a_negative_count_is_an_error() -> None:
    """S2: a count below 0 means a change lost or applied twice: it stops the worker."""
    with pytest.raises(NegativeCountError, match="-1"):
        fold_pairs([(("a", "b"), -2)], {b'["a","b"]': 1}.get)
    assert fold_pairs([(("a", "b"), 1), (("a", "b"), -1)], NO_COUNTS.get) == {}


def test_an_older_hosts_sessions_are_counted_when_it_is_heard() -> None:
    """S2, S13: a host and its sessions in a ledger of the release before are counted, once."""
    failures = [record(event(component_id=name, event_id=uuid_of(ord(name)))) for name in "ab"]
    hosts: dict[bytes, Row | bytes] = {
        host: encode(row).replace(b'"v":2', b'"v":1')
        for host, row in fold(failures, 0, {}, ONE).ledgers.items()
    }
    again = fold(failures, 0, hosts, ONE)  # duplicates alone: the row stays as it is, and uncounted
    assert (again.totals, again.deltas, again.ledgers) == (Totals(), {}, {})
    heard = fold([use(1, component_id="c")], 0, hosts, ONE)
    assert {name: delta[-1] for name, delta in heard.deltas.items()} == {"a": 1, "b": 1, "c": 0}
    assert heard.totals == Totals(sessions=1, usage_count=1, hosts=1)
    hosts |= heard.ledgers
    joined = [record(event(component_id="d", event_id=uuid_of(9), timestamp=at(100)))]
    joined.append(record(event(component_id="a", event_id=uuid_of(10), timestamp=at(50))))
    later = fold(joined, 0, hosts, ONE)
    assert {name: delta[-1] for name, delta in later.deltas.items()} == {"a": 0, "d": 1}
    assert later.totals == Totals(install_failures=2)
    mass = fold(joined, 0, hosts, FoldConfig(partitions=1, mass_failure_cap=2))
    assert {name: delta[-1] for name, delta in mass.deltas.items()} == {"a": -1, "b": -1, "d": 0}
    assert mass.totals == Totals(sessions=-1, mass_failures=1, install_failures=2)


def test_a_duplicate_in_a_batch_of_several_hours() -> None:
    """S4, S1: what is taken back is taken back from its own hour."""
    times = [-7_200, -3_600, -3_599, 0]
    records = [use(number, timestamp=at(s)) for number, s in enumerate(times)]
    records += [use(1, timestamp=at(-3_600)), use(2, timestamp=at(-3_599))]
    ((hours, days),) = fold(records, 0, {}, ONE).spreads.values()
    noon = NOON_US // HOUR_US
    assert hours == [noon - 2, 0, 0, 1, 0, noon - 1, 0, 0, 2, 0, noon, 0, 0, 1, 0]
    assert days == []

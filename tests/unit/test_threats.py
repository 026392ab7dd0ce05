"""What a hostile publisher can do, and what bounds it, one by one: the threat model in deploy/SECURITY.md."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from processor import metrics
from processor.domain.config import FoldConfig
from processor.domain.record import FROM_HEADER, TIME_HEADER
from processor.domain.sessions import Session, add_failure, is_late
from processor.settings import SECRETS, Settings, load_settings
from processor.topics import required_config
from schemas.topics import DEAD_LETTERS, TOPICS
from tests.records import NOON, Fleet, at, event, record, uuid_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy" / "SECURITY.md"
NOON_MS = int(NOON.timestamp() * 1000)
ONE = FoldConfig(partitions=1)


def test_a_forged_copy_cannot_bring_a_time_of_its_own() -> None:
    """Poisoned times: a copy whose first time lies ahead of its own record is judged by that record."""
    forged = (
        (FROM_HEADER, b"outcome-events/0/0"),
        (TIME_HEADER, b"%d" % (NOON_MS + 400_000_000_000)),
    )
    fleet = Fleet(ONE)
    fleet.take([record(event(timestamp="2037-01-01T00:00:00Z"), headers=forged)], 0)
    (row,) = fleet.rows()[0].values()
    assert row["last_failure"] == at(0)
    assert fleet.counts.skewed == 1


def test_a_poisoned_time_makes_no_honest_failure_late() -> None:
    """Poisoned times: a host's newest failure is at most the allowed skew ahead, less than the retention."""
    settings = load_settings()
    assert settings.clock_skew_s < settings.retention_s
    fleet = Fleet(ONE)
    poisoned = [event(timestamp=at(600), event_id=uuid_of(1)), event(timestamp=at(601), event_id=uuid_of(2))]
    fleet.take([record(each) for each in [*poisoned, event(timestamp=at(0), event_id=uuid_of(3))]], 0)
    assert (fleet.counts.late, fleet.counts.skewed) == (0, 1)


def test_an_old_time_moves_no_newer_one() -> None:
    """Poisoned times: history from 2000 changes first_seen and counts, never the last success or failure."""
    fleet = Fleet(ONE)
    fleet.take(
        [
            record(event(timestamp=t, event_id=uuid_of(n)))
            for n, t in enumerate([at(0), "2000-01-01T00:00:00Z"])
        ],
        0,
    )
    (row,) = fleet.rows()[0].values()
    assert (row["first_seen"], row["last_failure"]) == ("2000-01-01T00:00:00.000000Z", at(0))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 12)), max_size=60), st.integers(2, 6))
def test_pairs_per_failure_are_bounded(failures: list[tuple[str, int]], cap: int) -> None:
    """Exploding sessions: on average a failure adds fewer pairs than the cap, and withdraws no more."""
    config = FoldConfig(mass_failure_cap=cap)
    sessions: tuple[Session, ...] = ()
    added = withdrawn = 0
    for component, step in failures:
        at_us = step * 50_000_000
        if is_late(sessions, at_us, config):
            continue
        sessions, (changes, *_) = add_failure(sessions, component, at_us, config)
        added += sum(change for change in changes.values() if change > 0)
        withdrawn -= sum(change for change in changes.values() if change < 0)
    assert added <= (cap - 1) * len(failures)
    assert withdrawn <= added


@given(st.lists(st.integers(-7_200, 7_200), max_size=200))
def test_a_hosts_sessions_are_bounded(seconds: list[int]) -> None:
    """Exploding sessions: whatever times a host claims, its ledger holds as many as the settings allow."""
    config = FoldConfig(retention_us=600_000_000)
    sessions: tuple[Session, ...] = ()
    for second in seconds:
        at_us = NOON_MS * 1000 + second * 1_000_000
        if not is_late(sessions, at_us, config):
            sessions, *_ = add_failure(sessions, "c", at_us, config)
        assert len(sessions) <= config.sessions_max


def test_dead_letters_do_not_fill_a_disk() -> None:
    """A flood of dead letters: the topic keeps so many bytes and days, and the events stay where they are."""
    spec = next(spec for spec in TOPICS if spec.name == DEAD_LETTERS)
    config = required_config(spec, load_settings(dead_letter_bytes=5))
    assert (config["retention.bytes"], config["retention.ms"]) == ("5", str(30 * 86_400_000))


def test_a_forged_event_id_drops_only_events_of_the_host_it_names() -> None:
    """Forged ids: an id that was seen on one host says nothing about another's."""
    fleet = Fleet(ONE)
    fleet.take(
        [record(event(host_id=host, event_id=uuid_of(7))) for host in ("forger", "honest", "forger")], 0
    )
    assert (fleet.counts.events, fleet.counts.duplicates) == (2, 1)


def test_the_page_names_what_is_there() -> None:
    """The threat model's settings, metrics and tests exist, and every limit is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    known = {f"FLEETFOLD_{name.upper()}" for name in Settings.model_fields} | set(SECRETS)
    assert set(re.findall(r"`(FLEETFOLD_[A-Z_]+)`", text)) <= known
    named = {metric.name for metric in (*metrics.METRICS, *metrics.GATEWAY_METRICS)}
    assert set(re.findall(r"`(fleetfold_[a-z_]+)`", text)) <= named
    limits = {f"FLEETFOLD_{name.upper()}" for name in Settings.model_fields if name.startswith("max_")}
    assert [name for name in limits if f"`{name}`" not in text] == []
    for path, name in re.findall(r"`(tests/[a-z_/]+\.py)(?:::(\w+))?`", text):
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8"), (path, name)

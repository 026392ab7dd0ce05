"""The table of metrics, and that a worker measures just what stands in it."""

import inspect
import re
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from processor.app import create_app
from processor.domain.intake import IntakeCounts, IntakeResult
from processor.domain.record import DeadLetter
from processor.engine.observer import Observer
from processor.meters import Meters
from processor.metrics import GATEWAY_METRICS, METRICS, Metric, gateway_table, markdown_table
from processor.settings import load_settings
from tests.records import record

SOURCE = TopicPartition("outcome-events", 1)
SUFFIX_OF_UNIT = {"s": "_seconds", "0 to 1": "_ratio"}


def tell_everything(observer: Observer) -> None:
    """Call each method once."""
    observer.assigned(kept=[], new=[SOURCE], lost=[])
    observer.restoring(1, 4)
    observer.restored({SOURCE: 7}, 4, 0.5)
    observer.folded(SOURCE, 20, 0.001)
    observer.committed(SOURCE, 27, 0.01, 0.2)
    observer.failed(ValueError("a fault"))


def scraped(meters: Meters) -> dict[str, float]:
    """The samples of a worker that was never started, by name and labels."""
    body, _ = meters.scrape(create_app(load_settings(), meters), "")
    return {
        sample.name + ",".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", [*METRICS, *GATEWAY_METRICS], ids=lambda metric: metric.name)
def test_each_metric_is_well_formed(metric: Metric) -> None:
    """Names follow Prometheus: our prefix, the base unit, `_total` for counters alone."""
    assert re.fullmatch(r"fleetfold(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.unit
    assert metric.name.endswith(SUFFIX_OF_UNIT.get(metric.unit, ""))
    assert metric.help.endswith(".")
    assert "|" not in metric.help
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) == (metric.kind == "histogram")


def test_no_name_stands_twice() -> None:
    """A metric has one line in the table."""
    assert max(Counter(metric.name for metric in (*METRICS, *GATEWAY_METRICS)).values()) == 1


@pytest.mark.parametrize(("table", "metrics"), [(markdown_table, METRICS), (gateway_table, GATEWAY_METRICS)])
def test_the_documentation_holds_every_metric(table: Callable[[], str], metrics: tuple[Metric, ...]) -> None:
    """The printed table has a row for each metric, with as many cells as the head."""
    head, *rows = [line for line in table().splitlines() if line.startswith("|")]
    assert [row.split("`")[1] for row in rows[1:]] == [metric.name for metric in metrics]
    assert {row.count("|") for row in rows} == {head.count("|")}


def test_a_worker_measures_what_stands_in_the_table() -> None:
    """What is scraped and what is documented are the same metrics."""
    meters = Meters()
    tell_everything(meters)
    meters.taken_in(IntakeResult(dead=[DeadLetter(record(), "empty", "component_id")]))
    body, content_type = meters.scrape(create_app(load_settings(), meters), "")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    ours = {name: each for name, each in families.items() if name.startswith("fleetfold_")}
    documented = {metric.name.removesuffix("_total"): metric for metric in METRICS}
    assert {name: each.type for name, each in ours.items()} == {
        name: metric.kind for name, metric in documented.items()
    }
    assert {name: each.documentation for name, each in ours.items()} == {
        name: metric.help for name, metric in documented.items()
    }
    assert "process_resident_memory_bytes" in families
    assert content_type.startswith("text/plain")


def test_counts_of_a_batch_are_added_up() -> None:
    """Each count of intake reaches its own counter, and each reason its own label."""
    meters = Meters()
    counts = IntakeCounts(
        events=10,
        duplicates=2,
        late=3,
        skewed=4,
        misrouted=5,
        ignored=6,
        mass_failures=7,
        dead=3,
        corrected=8,
    )
    reasons = ("not_json", "empty", "not_json")
    result = IntakeResult(counts=counts, dead=[DeadLetter(record(), reason, "") for reason in reasons])
    for _ in range(2):
        meters.taken_in(result)
    found = scraped(meters)
    for name in set(IntakeCounts.__dataclass_fields__) - {"dead", "void"}:  # a worker never meets void ones
        assert found[f"fleetfold_{name}_total"] == 2 * getattr(counts, name)
    assert found["fleetfold_dead_letters_totalnot_json"] == 4
    assert found["fleetfold_dead_letters_totalempty"] == 2


def test_what_the_engine_tells_is_measured() -> None:
    """Batches, commits, delays and restores reach their metrics with their values."""
    meters = Meters()
    meters.assigned(kept=[], new=[SOURCE], lost=[])
    assert scraped(meters)["fleetfold_restore_progress_ratio"] == 0
    meters.restoring(1, 4)
    assert scraped(meters)["fleetfold_restore_progress_ratio"] == 0.25
    tell_everything(meters)
    found = scraped(meters)
    assert found["fleetfold_rebalances_total"] == 2
    assert found["fleetfold_restore_progress_ratio"] == 1
    assert found["fleetfold_restored_records_total"] == 4
    assert found["fleetfold_restore_seconds_sum"] == 0.5
    assert found["fleetfold_records_totaloutcome-events"] == 20
    assert found["fleetfold_batch_records_sumoutcome-events"] == 20
    assert found["fleetfold_fold_seconds_sumoutcome-events"] == 0.001
    assert found["fleetfold_commit_seconds_sumoutcome-events"] == 0.01
    assert found["fleetfold_delay_seconds_sumoutcome-events"] == 0.2
    assert found["fleetfold_failures_totalValueError"] == 1
    assert found["fleetfold_ready"] == 0


def test_an_observer_may_leave_out_what_it_likes() -> None:
    """The base hears everything and does nothing; the meters hear all of it."""
    tell_everything(Observer())
    methods = {name for name, _ in inspect.getmembers(Observer, inspect.isfunction)}
    assert methods <= set(vars(Meters))

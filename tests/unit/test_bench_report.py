"""What the benchmark says of its figures."""

import pytest

from tests.bench.counts import failures, miscounts
from tests.bench.report import DOES, report
from tests.bench.wanted import Goal, goals
from tests.unit.bench_figures import made_up_run, made_up_steady


def goal(rows: list[Goal], name: str) -> Goal:
    """The one row whose name holds these words."""
    (found,) = [row for row in rows if name in row.name]
    return found


def test_every_figure_that_is_wanted_is_judged() -> None:
    """Each aim of the issue has its row and its verdict."""
    verdicts = {row.name: row.met for row in goals(made_up_run()) if row.wanted}
    assert set(verdicts.values()) == {True}
    assert list(verdicts) == [
        "of the ceiling, wall time",
        "of the ceiling, CPU time",
        "times plain Faust",
        "peak memory",
        "the dearest over the cheapest of these",
        "1,000/s, 4 partitions: delay, p50",
        "1,000/s, 4 partitions: delay, p99",
        "1,000/s, 4 partitions: CPU of the worker",
        "1,000/s, 64 partitions: CPU of the worker",
        "1,000,000 hosts and components, 8 ids a host: restore",
        "1,000,000 hosts and components, 8 ids a host: peak memory",
    ]


def test_a_share_of_the_ceiling_is_taken_round_by_round() -> None:
    """A round is held against the ceiling that ran beside it, not against one of a quieter minute."""
    row = goal(goals(made_up_run()), "of the ceiling, CPU time")
    assert row.value == "0.56 (0.50–0.62)"  # noqa: RUF001 -- a range has an en dash


@pytest.mark.parametrize(("p50_ms", "met"), [(149.9, True), (150.0, False)])
def test_a_limit_is_not_met_by_reaching_it(p50_ms: float, met: bool) -> None:
    """Under 150 ms means under."""
    rows = goals({"delay": made_up_steady(4, p50_ms=p50_ms)})
    assert goal(rows, "delay, p50").met is met


def test_a_worker_that_lags_does_not_meet_its_share_of_a_core() -> None:
    """Little CPU because the work waits is no little cost."""
    row = goal(goals({"partitions": made_up_steady(64, p50_ms=20_000, cores=0.1)}), "CPU of the worker")
    assert row.met is False
    assert "lags behind" in row.value


def test_a_small_run_is_not_judged_by_what_is_wanted_of_a_large_one() -> None:
    """A hundred thousand rows within the limit of a million prove nothing."""
    figures = made_up_run()
    for fleet in figures["million"]["fleets"]:
        fleet["hosts"] = 100_000
    figures["components"]["sizes"].pop()
    rows = goals(figures)
    assert goal(rows, "100,000 hosts and components, 8 ids a host: restore").met is None
    assert not [row for row in rows if "dearest" in row.name]


def test_the_table_names_every_job_and_what_it_does() -> None:
    """Nobody reads a rate without reading what it is a rate of."""
    text = report(made_up_run())
    for name, does in DOES.values():
        assert name in text
        assert does in text
    assert "MISSED" not in text
    assert "WRONG" not in text


@pytest.mark.parametrize(("load", "busy"), [(0.1, False), (0.5, False), (4.0, True)])
def test_a_busy_machine_is_said_to_have_been(load: float, busy: bool) -> None:
    """Whoever reads a figure must know that others took from it."""
    machine = {"cores": 2, "processor": "a processor", "python": "3.11.9", "load_before": load}
    text = report({"machine": machine, "delay": made_up_steady(4)})
    assert text.startswith("Python 3.11.9 on 2 cores of a processor")
    assert ("others used the cores" in text) is busy


def test_only_what_was_run_is_reported() -> None:
    """`--only delay` gives the rows of that job, and no table of others."""
    text = report({"delay": made_up_steady(4, p50_ms=500)})
    assert text.startswith("Beside what is wanted")
    assert text.count("MISSED") == 2


def test_a_rival_that_is_missing_is_said_to_be() -> None:
    """It is not silently left out, and it is no failure."""
    figures = made_up_run()
    figures["throughput"]["quix"] = [{"missing": "quixstreams is not installed"}]
    assert "Quix Streams  quixstreams is not installed" in report(figures)
    assert failures(figures) == []
    assert not [row for row in goals(figures) if "Quix" in row.name]


def test_a_rival_that_failed_is_said_to_have() -> None:
    """Its place in the table and the exit code show it."""
    figures = made_up_run()
    figures["throughput"]["plain_faust"] = [{"failed": "plain_faust ended with exit code 1"}]
    assert failures(figures) == ["throughput, plain_faust: plain_faust ended with exit code 1"]
    assert "failed: plain_faust ended" in report(figures)


def test_a_job_that_failed_leaves_the_others_their_rows() -> None:
    """Ten minutes of figures are not thrown away because the last job broke."""
    figures = {"delay": made_up_steady(4), "failed": {"million": "the worker ended with exit code 1"}}
    text = report(figures)
    assert "delay, p50" in text
    assert "WRONG\n  million: the worker ended with exit code 1" in text


def test_a_wrong_count_is_shouted() -> None:
    """A fast wrong answer is none: wherever a job's count differs from its events, the report says so."""
    figures = made_up_run()
    assert miscounts(figures) == []
    figures["throughput"]["fleetfold"][1]["counted"] += 1
    figures["components"]["sizes"][0]["quix"][0]["counted"] -= 1
    figures["delay"]["counted"] -= 1
    figures["million"]["fleets"][0]["counted"] -= 1
    assert len(miscounts(figures)) == 4
    assert "WRONG\n  throughput, fleetfold: 4,000,001 counted of 4,000,000 events" in report(figures)

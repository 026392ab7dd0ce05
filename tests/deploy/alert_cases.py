"""For each alert, minute by minute, series that must not raise it and then series that must."""

from dataclasses import dataclass, field

__all__ = ["CASES", "Case"]

QUIET, LOUD = 30, 70
"""The minutes at which nothing is told, and at which the alert is: a series is quiet for 40 minutes."""

EVENTS = {'fleetfold_records_total{topic="p-outcome-events"}': "0+6000x100"}


@dataclass(frozen=True, slots=True)
class Case:
    """One alert's series.

    Attributes:
        series: what is scraped, and its values from the first minute on.
        labels: of the alert that is raised, beside its severity.
    """

    series: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)


def gauge(name: str, labels: dict[str, str], well: float, ill: float) -> Case:
    """A gauge that goes from well to ill."""
    told = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return Case({f"{name}{{{told}}}" if told else name: f"{well}x40 {ill}x60"}, labels)


def counter(name: str, well: int, ill: int, labels: dict[str, str] | None = None) -> Case:
    """A counter of events out of EVENTS that begins to grow faster."""
    told = ",".join(f'{key}="{value}"' for key, value in (labels or {}).items())
    rising = f"0+{well}x40 {40 * well + ill}+{ill}x60"
    return Case({**EVENTS, f"{name}{{{told}}}" if told else name: rising})


WORKER = {"job": "fleetfold-worker", "instance": "a:9100"}
SERVE = {"job": "fleetfold-serve", "instance": "a:8080"}
GATEWAY = {"job": "fleetfold-gateway", "instance": "a:8090"}
TOPIC = {"topic": "outcome-events"}


def delays(name: str, labels: str, quick: str, slow: str) -> dict[str, str]:
    """A histogram whose observations move from a low bucket to a high one."""
    return {
        f'{name}_bucket{{le="{quick}"{labels}}}': "0+60x40 2400x60",
        f'{name}_bucket{{le="{slow}"{labels}}}': "0+60x100",
        f'{name}_bucket{{le="+Inf"{labels}}}': "0+60x100",
    }


CASES: dict[str, Case] = {
    "FleetfoldDown": gauge("up", WORKER, 1, 0),
    "FleetfoldNoWorker": Case({"fleetfold_assigned_partitions": "4x40 _x60"}),
    "FleetfoldWorkerNotReady": gauge("fleetfold_ready", WORKER, 1, 0),
    "FleetfoldStuck": Case(
        {
            'fleetfold_lag_offsets{topic="outcome-events",partition="0"}': "5x100",
            'fleetfold_records_total{topic="outcome-events"}': "0+10x40 400x60",
        },
        TOPIC,
    ),
    "FleetfoldRestarting": Case(
        {'process_start_time_seconds{job="fleetfold-worker",instance="a:9100"}': "1x40 40+5x60"}, WORKER
    ),
    "FleetfoldSlow": Case(delays("fleetfold_delay_seconds", ',topic="outcome-events"', "1", "60"), TOPIC),
    "FleetfoldSlowCommits": Case(delays("fleetfold_commit_seconds", "", "0.1", "5")),
    "FleetfoldRestoring": gauge("fleetfold_restore_progress_ratio", WORKER, 1, 0.5),
    "FleetfoldRebalancing": Case(
        {'fleetfold_rebalances_total{job="fleetfold-worker",instance="a:9100"}': "1x40 2+1x60"}, WORKER
    ),
    "FleetfoldDeadLetters": counter("fleetfold_dead_letters_total", 10, 300, {"reason": "not_json"}),
    "FleetfoldMisrouted": counter("fleetfold_misrouted_total", 60, 1200),
    "FleetfoldClockSkew": counter("fleetfold_skewed_total", 60, 1200),
    "FleetfoldDuplicates": counter("fleetfold_duplicates_total", 600, 3000),
    "FleetfoldMassFailures": counter("fleetfold_mass_failures_total", 0, 2),
    "FleetfoldServeNotReady": gauge("fleetfold_serve_ready", SERVE, 1, 0),
    "FleetfoldServeStale": gauge("fleetfold_serve_delay_seconds", SERVE, 0.4, 90),
    "FleetfoldServeErrors": Case(
        {
            'fleetfold_serve_requests_total{status="200"}': "0+60x100",
            'fleetfold_serve_requests_total{status="503"}': "0+1x40 46+6x60",
        }
    ),
    "FleetfoldServeBadRows": Case(
        {'fleetfold_serve_bad_rows_total{job="fleetfold-serve",instance="a:8080"}': "0x40 1+1x60"}, SERVE
    ),
    "FleetfoldGatewayNotReady": gauge("fleetfold_gateway_ready", GATEWAY, 1, 0),
    "FleetfoldGatewayUnacknowledged": Case(
        {
            'fleetfold_gateway_requests_total{status="202"}': "0+1000x100",
            'fleetfold_gateway_requests_total{status="503"}': "0+1x40 140+100x60",
        }
    ),
    "FleetfoldGatewayFull": Case(
        {
            'fleetfold_gateway_pending_events{job="fleetfold-gateway",instance="a:8090"}': "50x40 90x60",
            'fleetfold_gateway_pending_limit_events{job="fleetfold-gateway",instance="a:8090"}': "100x100",
        },
        GATEWAY,
    ),
    "FleetfoldNoVerdicts": Case(
        {
            f'fleetfold_verdicts_leads{{instance="{name}"}}': f"{leads}x40 _x60"
            for name, leads in (("a", 1), ("b", 0))
        }
    ),
    "FleetfoldVerdictsBehind": Case(
        {
            'fleetfold_verdicts_judged_seconds{instance="a"}': "5x40 45+60x60",
            'fleetfold_verdicts_delay_seconds{instance="a"}': "0.5x100",
        }
    ),
}

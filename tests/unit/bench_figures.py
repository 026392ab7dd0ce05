"""Figures as a run gives them, made up, for the tests of what is made of them."""

from typing import Any

__all__ = ["made_up_run", "made_up_steady"]

Figures = dict[str, Any]


def _round(events: int, wall_s: float, cpu_s: float, peak_mb: float = 100.0, **more: Any) -> Figures:
    return {
        "events": events,
        "counted": events,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb,
        **more,
    }


def _ours(events: int, wall_s: float, cpu_s: float, peak_mb: float = 300.0) -> Figures:
    restore = {"records": 0, "restore_s": 0.1, "start_s": 1.5, "peak_mb": 60.0}
    commits = {"commits": 40, "commit_p50_ms": 120.0, "commit_p99_ms": 340.0}
    return _round(events, wall_s, cpu_s, peak_mb, restore=restore, **commits)


def made_up_steady(partitions: int, p50_ms: float = 120.0, cores: float = 0.08) -> Figures:
    """What a steady rate gives."""
    delay_ms = {"p0": 20.0, "p50": p50_ms, "p99": 2 * p50_ms, "p100": 3 * p50_ms}
    return {
        "partitions": partitions,
        "rate": 1000,
        "events": 23_000,
        "counted": 23_000,
        "measured": 20_000,
        "delay_ms": delay_ms,
        "cores": cores,
        "broker_cores": 0.4,
        "duration_s": 20.0,
    }


def made_up_run() -> Figures:
    """A run in which everything that is wanted is met."""
    fleets = [
        {"hosts": 1_000_000, "components": 1_000_000, "ids": ids, **_ours(250_000, 4.0, 4.0, 1200.0)}
        for ids in (8, 64)
    ]
    return {
        "throughput": {
            "event_bytes": 214.0,
            "ceiling": [_round(4_000_000, 10.0, 10.0), _round(4_000_000, 8.0, 8.0)],
            "fleetfold": [_ours(4_000_000, 20.0, 16.0), _ours(4_000_000, 16.0, 16.0)],
            "quix": [_round(150_000, 15.0, 15.0)],
            "plain_faust": [_round(60_000, 20.0, 20.0)],
        },
        "components": {
            "sizes": [
                {
                    "components": components,
                    "fleetfold": [_ours(500_000, cost, cost), _ours(500_000, cost, cost)],
                    "quix": [_round(75_000, 7.5, 7.5)],
                    "plain_faust": [_round(30_000, 10.0, 10.0)],
                }
                for components, cost in ((10_000, 2.5), (1_000_000, 3.0))
            ]
        },
        "delay": made_up_steady(4),
        "partitions": made_up_steady(64, p50_ms=300.0, cores=0.2),
        "million": {"fleets": fleets},
    }

"""Every alert stands here once: what it watches, from which limit, for how long, and what it tells.

Spans are in minutes; a test that causes an alert renders them in seconds, with limits of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["ALERTS", "Alert", "annotations", "rules"]

_SPAN = re.compile(r"\[(\d+)m\]")
_EVENTS = 'sum(rate(fleetfold_records_total{{topic=~".*outcome-events"}}[10m]))'


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: as it is told, and as its section of the runbook is called.
        expr: PromQL; `{limit}` stands for the limit.
        limit: from where on it holds, in the unit of what is watched.
        minutes: for how long it must hold.
        severity: `critical`: nothing is folded or answered, wake somebody; `warning`: look today.
        summary: what is the matter, in one line.
    """

    name: str
    expr: str
    limit: float
    minutes: int
    severity: Literal["critical", "warning"]
    summary: str


def _share(counter: str, of: str = _EVENTS) -> str:
    return f"sum(rate({counter}[10m])) / {of} > {{limit}}"


ALERTS: tuple[Alert, ...] = (
    # Whether anything is folded at all.
    Alert(
        "FleetfoldDown",
        'up{{job=~"fleetfold-.+"}} < {limit}',
        1,
        2,
        "critical",
        "A worker, service, gateway or writer of verdicts does not answer its scrape.",
    ),
    Alert(
        "FleetfoldNoWorker",
        "absent(fleetfold_assigned_partitions) >= {limit}",
        1,
        5,
        "critical",
        "No worker owns any partition: nothing is folded.",
    ),
    Alert(
        "FleetfoldWorkerNotReady",
        "fleetfold_ready < {limit}",
        1,
        5,
        "critical",
        "A worker is up and does not fold.",
    ),
    Alert(
        "FleetfoldStuck",
        "sum by (topic) (fleetfold_lag_offsets) > {limit} "
        "unless sum by (topic) (rate(fleetfold_records_total[5m])) > 0",
        0,
        10,
        "critical",
        "Records of a topic wait, and none is folded.",
    ),
    Alert(
        "FleetfoldRestarting",
        'changes(process_start_time_seconds{{job=~"fleetfold-.+"}}[15m]) > {limit}',
        2,
        0,
        "critical",
        "A process starts again and again.",
    ),
    # How well it goes on.
    Alert(
        "FleetfoldSlow",
        "histogram_quantile(0.99, sum by (le, topic) (rate(fleetfold_delay_seconds_bucket[5m]))) > {limit}",
        30,
        10,
        "warning",
        "Records of a topic wait long until they are folded.",
    ),
    Alert(
        "FleetfoldSlowCommits",
        "histogram_quantile(0.95, sum by (le) (rate(fleetfold_commit_seconds_bucket[5m]))) > {limit}",
        2,
        10,
        "warning",
        "Commits take seconds, not milliseconds.",
    ),
    Alert(
        "FleetfoldRestoring",
        "fleetfold_restore_progress_ratio < {limit}",
        1,
        10,
        "warning",
        "A worker has been restoring its tables for long.",
    ),
    Alert(
        "FleetfoldRebalancing",
        "increase(fleetfold_rebalances_total[15m]) > {limit}",
        5,
        0,
        "warning",
        "The group gives partitions out again and again.",
    ),
    # What publishers send.
    Alert(
        "FleetfoldDeadLetters",
        _share("fleetfold_dead_letters_total"),
        0.01,
        5,
        "warning",
        "A notable share of the records are no events.",
    ),
    Alert(
        "FleetfoldMisrouted",
        _share("fleetfold_misrouted_total"),
        0.05,
        15,
        "warning",
        "Publishers send events to partitions that are not their hosts'.",
    ),
    Alert(
        "FleetfoldClockSkew",
        _share("fleetfold_skewed_total"),
        0.05,
        15,
        "warning",
        "Machines send impossible times.",
    ),
    Alert(
        "FleetfoldDuplicates",
        _share("fleetfold_duplicates_total"),
        0.2,
        15,
        "warning",
        "Publishers send many events twice.",
    ),
    Alert(
        "FleetfoldMassFailures",
        "sum(increase(fleetfold_mass_failures_total[30m])) > {limit}",
        20,
        0,
        "warning",
        "On many machines almost everything fails at once.",
    ),
    # The service.
    Alert(
        "FleetfoldServeNotReady",
        "fleetfold_serve_ready < {limit}",
        1,
        5,
        "critical",
        "A service is up and has no answers yet.",
    ),
    Alert(
        "FleetfoldServeStale",
        "fleetfold_serve_delay_seconds > {limit}",
        60,
        2,
        "critical",
        "A service's answers are old.",
    ),
    Alert(
        "FleetfoldServeErrors",
        'sum(rate(fleetfold_serve_requests_total{{status=~"5.."}}[5m])) '
        "/ sum(rate(fleetfold_serve_requests_total[5m])) > {limit}",
        0.05,
        5,
        "warning",
        "The service cannot answer a notable share of its requests.",
    ),
    Alert(
        "FleetfoldServeBadRows",
        "increase(fleetfold_serve_bad_rows_total[15m]) > {limit}",
        0,
        0,
        "warning",
        "Records of the result topics are no rows.",
    ),
    # The gateway.
    Alert(
        "FleetfoldGatewayNotReady",
        "fleetfold_gateway_ready < {limit}",
        1,
        2,
        "critical",
        "A gateway does not reach Kafka.",
    ),
    Alert(
        "FleetfoldGatewayUnacknowledged",
        'sum(rate(fleetfold_gateway_requests_total{{status="503"}}[5m])) '
        "/ sum(rate(fleetfold_gateway_requests_total[5m])) > {limit}",
        0.01,
        5,
        "critical",
        "Kafka does not acknowledge what a gateway sends.",
    ),
    Alert(
        "FleetfoldGatewayFull",
        "fleetfold_gateway_pending_events / fleetfold_gateway_pending_limit_events > {limit}",
        0.8,
        2,
        "warning",
        "More events wait in a gateway than Kafka takes.",
    ),
    # The writer of verdicts.
    Alert(
        "FleetfoldNoVerdicts",
        "(sum(fleetfold_verdicts_leads) or vector(0)) < {limit}",
        1,
        5,
        "warning",
        "No instance writes verdicts: gates and services answer by old ones.",
    ),
    Alert(
        "FleetfoldVerdictsBehind",
        "max(fleetfold_verdicts_judged_seconds) > {limit} or max(fleetfold_verdicts_delay_seconds) > {limit}",
        120,
        2,
        "warning",
        "Verdicts are judged late, or by old rows.",
    ),
)


def rules(*, unit: Literal["m", "s"] = "m", limits: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return the rules as Prometheus reads them.

    Args:
        unit: what a span of one stands for: minutes, or seconds in a test.
        limits: other limits, by the alerts' names.
    """
    made = []
    for alert in ALERTS:
        limit = (limits or {}).get(alert.name, alert.limit)
        made.append(
            {
                "alert": alert.name,
                "expr": _SPAN.sub(rf"[\1{unit}]", alert.expr.format(limit=f"{limit:g}")),
                "for": f"{alert.minutes}{unit}",
                "labels": {"severity": alert.severity},
                "annotations": annotations(alert),
            }
        )
    return {"groups": [{"name": "fleetfold", "rules": made}]}


def annotations(alert: Alert) -> dict[str, str]:
    """Return what is told with an alert."""
    return {"summary": alert.summary, "runbook": f"deploy/RUNBOOK.md#{alert.name.lower()}"}

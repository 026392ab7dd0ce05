"""The Grafana dashboard as data: rows of panels, each with its questions; the layout follows."""

from dataclasses import dataclass
from typing import Any

__all__ = ["ROWS", "Panel", "dashboard"]

_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
_OURS = '{job=~"fleetfold-.+"}'
_DATASOURCE = {"type": "prometheus", "uid": "fleetfold"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        unit: Grafana's name of the unit.
        queries: what each line is called, and its PromQL.
    """

    title: str
    unit: str
    queries: dict[str, str]


def _rate(counter: str) -> str:
    return f"sum(rate({counter}[$__rate_interval]))"


def _by(counter: str, *labels: str) -> dict[str, str]:
    """Return a counter's rate with a line for each combination of labels."""
    names = ", ".join(labels)
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    return {legend: f"sum by ({names}) (rate({counter}[$__rate_interval]))"}


def _quantiles(histogram: str, by: str = "") -> dict[str, str]:
    """Return the median and the 99th percentile of a histogram, by a label or of all."""
    labels = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    inner = f"sum by ({labels}) (rate({histogram}_bucket[$__rate_interval]))"
    return {f"p{round(100 * q)}{name}": f"histogram_quantile({q}, {inner})" for q in (0.5, 0.99)}


ROWS: dict[str, tuple[Panel, ...]] = {
    "Is it well": (
        Panel(
            "Ready",
            "short",
            {
                "worker {{instance}}": "fleetfold_ready",
                "service {{instance}}": "fleetfold_serve_ready",
                "gateway {{instance}}": "fleetfold_gateway_ready",
            },
        ),
        Panel("Waiting to be folded", "short", {"{{topic}}": "sum by (topic) (fleetfold_lag_offsets)"}),
        Panel("From record to commit", "s", _quantiles("fleetfold_delay_seconds", "topic")),
    ),
    "What comes in": (
        Panel("Events folded", "eps", {"events": _rate("fleetfold_events_total")}),
        Panel(
            "Events that are told apart",
            "eps",
            {
                name: _rate(f"fleetfold_{name}_total")
                for name in ("duplicates", "late", "skewed", "misrouted", "ignored")
            },
        ),
        Panel(
            "Dead letters and mass failures",
            "eps",
            {
                **_by("fleetfold_dead_letters_total", "reason"),
                "mass failures": _rate("fleetfold_mass_failures_total"),
            },
        ),
        Panel(
            "Taken back, and without room",
            "short",
            {
                "hosts corrected": "sum(increase(fleetfold_corrected_total[$__rate_interval]))",
                "refused rows {{table}}": (
                    "sum by (table) (increase(fleetfold_refused_rows_total[$__rate_interval]))"
                ),
                "sealed partitions {{topic}}": "sum by (topic) (fleetfold_sealed_partitions)",
            },
        ),
    ),
    "Workers": (
        Panel(
            "Records folded",
            "short",
            _by("fleetfold_records_total", "topic"),
        ),
        Panel("Records in a batch", "short", _quantiles("fleetfold_batch_records", "topic")),
        Panel("Folding a batch", "s", _quantiles("fleetfold_fold_seconds", "topic")),
        Panel("Committing a batch", "s", _quantiles("fleetfold_commit_seconds", "topic")),
        Panel(
            "Partitions owned",
            "short",
            {"{{instance}} {{topic}}": "fleetfold_assigned_partitions"},
        ),
        Panel("Rows in memory", "short", {"{{table}}": "sum by (table) (fleetfold_table_rows)"}),
        Panel(
            "Memory and CPU",
            "short",
            {
                "{{instance}} MB": f"process_resident_memory_bytes{_OURS} / 1e6",
                "{{instance}} cores": f"rate(process_cpu_seconds_total{_OURS}[$__rate_interval])",
            },
        ),
        Panel(
            "Rebalances, failures, restarts",
            "short",
            {
                "rebalances": "sum(increase(fleetfold_rebalances_total[$__rate_interval]))",
                "failure {{error}}": "sum by (error) (increase(fleetfold_failures_total[$__rate_interval]))",
                "restarts": f"sum(changes(process_start_time_seconds{_OURS}[$__rate_interval]))",
            },
        ),
        Panel(
            "Restoring",
            "short",
            {
                "progress {{instance}}": "fleetfold_restore_progress_ratio",
                "records a second": _rate("fleetfold_restored_records_total"),
                **_quantiles("fleetfold_restore_seconds"),
            },
        ),
    ),
    "Service": (
        Panel(
            "Requests",
            "reqps",
            _by("fleetfold_serve_requests_total", "route", "status"),
        ),
        Panel("Answering", "s", _quantiles("fleetfold_serve_request_seconds", "route")),
        Panel(
            "How old the answers are",
            "s",
            {
                "{{instance}}": "fleetfold_serve_delay_seconds",
                "{{instance}} offsets behind": "fleetfold_serve_behind_offsets",
            },
        ),
        Panel(
            "Rows and readers",
            "short",
            {
                "{{table}}": "max by (table) (fleetfold_serve_rows)",
                "readers of the stream": "sum(fleetfold_serve_streams)",
                "bad rows": "sum(fleetfold_serve_bad_rows_total)",
            },
        ),
    ),
    "Gateway": (
        Panel(
            "Requests",
            "reqps",
            _by("fleetfold_gateway_requests_total", "status"),
        ),
        Panel(
            "Events",
            "eps",
            _by("fleetfold_gateway_events_total", "result"),
        ),
        Panel("Answering", "s", _quantiles("fleetfold_gateway_request_seconds")),
        Panel("Kafka's acknowledgement", "s", _quantiles("fleetfold_gateway_acknowledge_seconds")),
        Panel(
            "Waiting for Kafka",
            "short",
            {
                "waiting": "sum(fleetfold_gateway_pending_events)",
                "limit": "sum(fleetfold_gateway_pending_limit_events)",
            },
        ),
    ),
    "Verdicts": (
        Panel(
            "The writer",
            "short",
            {
                "leads {{instance}}": "fleetfold_verdicts_leads",
                "ready {{instance}}": "fleetfold_verdicts_ready",
            },
        ),
        Panel(
            "Behind",
            "s",
            {
                "rows {{instance}}": "fleetfold_verdicts_delay_seconds",
                "since the last judgement": "max(fleetfold_verdicts_judged_seconds)",
            },
        ),
        Panel("Judging", "s", _quantiles("fleetfold_verdicts_judge_seconds")),
        Panel("Verdicts", "short", {"{{kind}}": "max by (kind) (fleetfold_verdicts_standing)"}),
        Panel(
            "Rows",
            "short",
            {
                "written a second": _rate("fleetfold_verdicts_written_total"),
                "bad": "sum(fleetfold_verdicts_bad_rows_total)",
            },
        ),
    ),
    "What runs": (
        Panel(
            "Versions",
            "short",
            {
                "worker {{version}}, Python {{python}}, faust {{faust}}, aiokafka {{aiokafka}}": (
                    "count by (version, python, faust, aiokafka) (fleetfold_build_info)"
                ),
                "service {{version}}": "count by (version) (fleetfold_serve_build_info)",
                "verdicts {{version}}": "count by (version) (fleetfold_verdicts_build_info)",
                "gateway {{version}}": "count by (version) (fleetfold_gateway_build_info)",
            },
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana provisions it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
                "panels": [],
            }
        )
        top += 1
        for index, panel in enumerate(row):
            left = index * _WIDTH % _COLUMNS
            panels.append(_panel(panel, len(panels) + 1, left, top + index * _WIDTH // _COLUMNS * _HEIGHT))
        top += -(-len(row) * _WIDTH // _COLUMNS) * _HEIGHT
    return {
        "uid": "fleetfold",
        "title": "Fleetfold",
        "tags": ["fleetfold"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
    }


def _panel(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {"x": left, "y": top, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _DATASOURCE, "expr": expr, "legendFormat": legend}
            for index, (legend, expr) in enumerate(panel.queries.items())
        ],
    }

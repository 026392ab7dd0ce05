"""Alerts, dashboard and runbook: they name metrics that exist, and each alert is raised when it should be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.generate.alerts import ALERTS, Alert, annotations, rules
from deploy.generate.dashboard import dashboard
from processor.metrics import GATEWAY_METRICS, METRICS, Metric
from processor.serve.http.meters import SERVE_METRICS
from processor.verdicts.meters import VERDICT_METRICS
from tests.deploy.alert_cases import CASES, LOUD, QUIET
from tests.deploy.tools import DEPLOY, run, tool

KNOWN: dict[str, Metric] = {
    metric.name: metric for metric in (*METRICS, *SERVE_METRICS, *GATEWAY_METRICS, *VERDICT_METRICS)
}
NOT_OURS = {"up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
PARTS = ("**It means**", "**Look at**", "**Do**", "**Caused by**")


def names_in(expr: str) -> set[str]:
    """The metrics that PromQL names; a histogram's by its own name."""
    names = set(re.findall(r"\b(?:fleetfold|process)_[a-z_]+", re.sub(r'"[^"]*"', "", expr)))
    return {name if name in KNOWN else re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def questions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()["groups"][0]["rules"]]


def test_only_metrics_that_exist_are_asked_for() -> None:
    """An alert or panel on a name that nothing serves is blind for ever."""
    for expr in (*expressions(), *questions()):
        assert names_in(expr) - NOT_OURS <= set(KNOWN), expr


def test_only_labels_that_exist_are_asked_for() -> None:
    """The same for the labels by which a question sorts or chooses."""
    ours = {label for metric in KNOWN.values() for label in metric.labels} | {"job", "instance", "le"}
    for expr in (*expressions(), *questions()):
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", expr) for label in labels.split(", ")}
        chosen = set(re.findall(r"[{,](\w+)=", expr))
        assert grouped | chosen <= ours, expr


def test_every_metric_can_be_seen() -> None:
    """The dashboard leaves no metric out."""
    shown = {name for expr in questions() for name in names_in(expr)}
    assert sorted(set(KNOWN) - shown) == []


def test_panels_lie_side_by_side() -> None:
    """No panel covers another, and none has a twin's number."""
    cells = [
        (x, y)
        for panel in dashboard()["panels"]
        for position in [panel["gridPos"]]
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(cells) == len(set(cells))
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))


def sections() -> dict[str, str]:
    text = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
    titled = (part.partition("\n") for part in text.split("\n## ")[1:])
    return {title: body for title, _, body in titled if title.startswith("Fleetfold")}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_runbook_has_a_section_for(alert: Alert) -> None:
    """Whoever is woken finds what it means, what to look at, what to do, and how it was caused."""
    body = sections()[alert.name]
    positions = [body.find(part) for part in PARTS]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_the_runbook_has_no_section_without_an_alert() -> None:
    """An alert that is gone leaves no page behind."""
    assert set(sections()) == {alert.name for alert in ALERTS}


def test_prometheus_can_read_every_question(tmp_path: Path) -> None:
    """Promtool parses the rules, and each question of the dashboard."""
    promtool = tool("promtool", "Debian's prometheus")
    run([promtool, "check", "rules", str(DEPLOY / "prometheus" / "rules.yml")])
    asked = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "1m")}
        for number, expr in enumerate(questions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": asked}]}))
    run([promtool, "check", "rules", str(path)])


def test_each_alert_is_raised_when_it_should_be(tmp_path: Path) -> None:
    """Promtool's unit tests: quiet while all is well, raised with its labels once it is not."""
    promtool = tool("promtool", "Debian's prometheus")
    assert set(CASES) == {alert.name for alert in ALERTS}
    told = {"rule_files": [str(DEPLOY / "prometheus" / "rules.yml")], "tests": list(map(unit_test, ALERTS))}
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    run([promtool, "test", "rules", str(path)])


def unit_test(alert: Alert) -> dict[str, Any]:
    case = CASES[alert.name]
    raised = {
        "exp_labels": {**case.labels, "severity": alert.severity},
        "exp_annotations": annotations(alert),
    }
    return {
        "name": alert.name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{QUIET}m", "alertname": alert.name, "exp_alerts": []},
            {"eval_time": f"{LOUD}m", "alertname": alert.name, "exp_alerts": [raised]},
        ],
    }

"""The names and texts of the files that are made: pure, so that a test can compare them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.generate.alerts import rules
from deploy.generate.dashboard import dashboard
from deploy.generate.kubernetes import CLUSTER, SETTINGS, topics, users
from deploy.generate.scaling import scaling

__all__ = ["FOLDER", "made"]

FOLDER: Final = Path(__file__).parents[1]
_WIDTH = 110
_WORKERS = 2  # one may go at any time


def made() -> dict[str, str]:
    """Return each file's text, by its path under `deploy/`."""
    return {
        "prometheus/rules.yml": _yaml([rules()], "deploy/generate/alerts.py"),
        "kubernetes/topics.yaml": _yaml(topics(), "schemas/topics.py"),
        "kubernetes/users.yaml": _yaml(users(), "processor/rights.py"),
        "kubernetes/scaling.yaml": _yaml(
            scaling(SETTINGS, cluster=CLUSTER, least=_WORKERS), "deploy/generate/scaling.py"
        ),
        "grafana/dashboards/fleetfold.json": json.dumps(dashboard(), indent=1) + "\n",
    }


class _Plain(yaml.SafeDumper):
    """Writes what stands twice out twice: no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the library's signature
        """Return True for all."""
        return True


def _yaml(documents: Iterable[Mapping[str, Any]], source: str) -> str:
    text = yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return f"# Made by `make deploy-files` from {source}: change that.\n{text}"

"""Takes from the package kubernetes-validate the schemas of the kinds that we use, and nothing else of it.

`pip install kubernetes-validate` into some environment, then `python -m tests.deploy.vendor_schemas FOLDER`,
where FOLDER is its `kubernetes_validate/kubernetes-json-schema/vX.Y.Z-local-strict`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.deploy.tools import ROOT

__all__ = ["KINDS", "TARGET"]

KINDS = {
    "ConfigMap": "io.k8s.api.core.v1.ConfigMap",
    "Deployment": "io.k8s.api.apps.v1.Deployment",
    "Namespace": "io.k8s.api.core.v1.Namespace",
    "NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
    "PodDisruptionBudget": "io.k8s.api.policy.v1.PodDisruptionBudget",
    "Service": "io.k8s.api.core.v1.Service",
}
TARGET = ROOT / "tests" / "data" / "kubernetes" / "schemas.json"


def stripped(schema: Any) -> Any:
    """A schema without what only people read."""
    if isinstance(schema, dict):
        return {
            key: stripped(value)
            for key, value in schema.items()
            if not (key == "description" and isinstance(value, str))
        }
    return [stripped(one) for one in schema] if isinstance(schema, list) else schema


def needed(name: str, all_of_them: dict[str, Any], found: dict[str, Any]) -> None:
    """Gather a definition and all that it refers to."""
    if name in found:
        return
    found[name] = stripped(all_of_them[name])
    for part in json.dumps(found[name]).split('"$ref": "')[1:]:
        needed(part.split('"')[0].rpartition("/")[2], all_of_them, found)


def main() -> None:
    """Write the file."""
    definitions = json.loads((Path(sys.argv[1]) / "_definitions.json").read_text())["$defs"]
    found: dict[str, Any] = {}
    for name in KINDS.values():
        needed(name, definitions, found)
    text = json.dumps({"$defs": dict(sorted(found.items()))}, separators=(",", ":"))
    TARGET.write_text(text + "\n")


if __name__ == "__main__":
    main()

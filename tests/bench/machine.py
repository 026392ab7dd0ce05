"""The machine that a run is measured on: without it no figure means anything."""

import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["machine"]

_CPUS = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Cores, kind of processor, Python, and the load of the last minute."""
    return {
        "cores": os.cpu_count() or 1,
        "processor": _processor(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def _processor() -> str:
    """The processor's name as Linux has it; elsewhere its architecture."""
    if _CPUS.exists():
        for line in _CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()

"""The rows of publishing: name, what was measured, what is wanted of it."""

from typing import Any

__all__ = ["publish_rows"]

Figures = dict[str, Any]


def publish_rows(figures: Figures) -> list[tuple[str, str, str]]:
    """Return the rows of `publish_job`'s figures."""
    publisher, one_host, gateway = figures["publisher"], figures["one_host"], figures["gateway"]
    online, offline = figures["record"], figures["record_offline"]
    return [
        ("publisher, many hosts", _rates(publisher), "at least 60,000 per CPU s"),
        ("publisher, one host", _rates(one_host), ""),
        ("gateway, 500 a request", _rates(gateway), "at least 15,000 per CPU s"),
        ("`record`, p50 and p99", _delays(online), "p99 under 1 ms"),
        ("`record` without Kafka", _delays(offline), "p99 under 1 ms"),
        ("`record`, the first call", f"{online['first_ms']:.1f} ms: it starts the thread", ""),
    ]


def _rates(row: Figures) -> str:
    return f"{row['events'] / row['wall_s']:,.0f}/s, {row['events'] / row['cpu_s']:,.0f} per CPU s"


def _delays(row: Figures) -> str:
    return f"{row['p50_ms']:.2f} and {row['p99_ms']:.2f} ms"

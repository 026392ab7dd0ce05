"""`fleetfold health`: ask a part on this machine whether it works, for containers and timers."""

import json
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import JsonOption, console, fail, harmless, print_json, settings_from

if TYPE_CHECKING:
    from processor.settings import Settings

__all__ = ["register"]

_BODY_MAX_BYTES = 65_536


class Part(StrEnum):
    """What serves `/healthz` and `/readyz`."""

    WORKER = "worker"
    SERVE = "serve"
    GATEWAY = "gateway"
    VERDICTS = "verdicts"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(health)


def health(
    part: Annotated[Part, typer.Argument(help="Which part: its address is that of its settings.")],
    alive: Annotated[bool, typer.Option("--alive", help="Whether it lives, be it ready or not.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, help="How long to wait.")
    ] = 3,
    as_json: JsonOption = False,
) -> None:
    """Ask whether the worker, service, gateway or writer of verdicts on this machine is ready.

    Exit codes: 0 it is; 1 it is not, and why; 2 it has no port.
    """
    host, port = _address(part, settings_from())
    if not port:
        fail(f"the {part} serves no port: set FLEETFOLD_METRICS_PORT")
    is_well, why = _asked(host, port, "/healthz" if alive else "/readyz", timeout_s)
    if as_json:
        print_json({"part": part, "host": host, "port": port, "ok": is_well, "why": why or None})
    else:
        console.print(f"{part}: {'well' if is_well else harmless(why)}")
    raise typer.Exit(0 if is_well else 1)


def _address(part: Part, settings: "Settings") -> tuple[str, int]:
    host, port = {
        Part.WORKER: (settings.metrics_host, settings.metrics_port),
        Part.VERDICTS: (settings.metrics_host, settings.metrics_port),
        Part.SERVE: (settings.serve_host, settings.serve_port),
        Part.GATEWAY: (settings.gateway_host, settings.gateway_port),
    }[part]
    if ip_address(host).is_unspecified:  # it listens on every address, so on loopback
        host = "::1" if ":" in host else "127.0.0.1"
    return host, port


def _asked(host: str, port: int, path: str, timeout_s: float) -> tuple[bool, str]:
    """Return whether the answer is 200, and what was said if not."""
    connection = HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(_BODY_MAX_BYTES)
    except (OSError, HTTPException) as error:
        return False, f"no answer from {host} port {port}: {error}"
    finally:
        connection.close()
    return response.status == HTTPStatus.OK, _reason(body) or f"status {response.status}"


def _reason(body: bytes) -> str:
    """Return why a part is not ready, as each of them says it."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    return str(said.get("reason") or said.get("why") or said.get("detail") or "")

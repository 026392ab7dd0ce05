"""`fleetfold health` asks the part that the settings name, and says what it heard."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from processor.broker.ports import LOOPBACK, free_port
from processor.cli.main import app

ANSWERS = {
    "/healthz": (200, b'{"alive":true}'),
    "/readyz": (503, b'{"ready":false,"reason":"restoring tables"}'),
}
PORTS = {
    "worker": "FLEETFOLD_METRICS_PORT",
    "serve": "FLEETFOLD_SERVE_PORT",
    "gateway": "FLEETFOLD_GATEWAY_PORT",
    "verdicts": "FLEETFOLD_METRICS_PORT",
}


class Answering(BaseHTTPRequestHandler):
    """A part that lives and is not ready."""

    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Be silent."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = HTTPServer((LOOPBACK, free_port()), Answering)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("part", PORTS)
def test_what_it_asks_and_says(part: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 and well, or 1 and the part's own reason; an address that stands for all is asked on loopback."""
    monkeypatch.setenv(PORTS[part], str(port))
    monkeypatch.setenv(PORTS[part].replace("PORT", "HOST"), "0.0.0.0")  # noqa: S104 -- what is tested
    alive = CliRunner().invoke(app, ["health", part, "--alive"])
    assert (alive.exit_code, alive.output) == (0, f"{part}: well\n")
    ready = CliRunner().invoke(app, ["health", part, "--json"])
    assert ready.exit_code == 1
    told = json.loads(ready.output)
    assert told == {"part": part, "host": LOOPBACK, "port": port, "ok": False, "why": "restoring tables"}


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """X10: 1, and one line that says where nobody answered."""
    port = free_port()
    monkeypatch.setenv("FLEETFOLD_SERVE_PORT", str(port))
    result = CliRunner().invoke(app, ["health", "serve"])
    assert result.exit_code == 1
    assert result.output.startswith(f"serve: no answer from {LOOPBACK} port {port}: ")


def test_a_part_without_a_port() -> None:
    """X10: a worker that serves no metrics cannot be asked: 2, with the setting that would mend it."""
    result = CliRunner().invoke(app, ["health", "worker"])
    assert result.exit_code == 2
    assert "FLEETFOLD_METRICS_PORT" in result.output

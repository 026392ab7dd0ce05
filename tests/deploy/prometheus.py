"""A real Prometheus with our rules, in which a minute takes a second; it scrapes real parts."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientConnectionError, ClientSession

from deploy.generate.alerts import rules
from processor.broker.ports import LOOPBACK, free_port
from tests.deploy.tools import tool
from tests.waiting import eventually

__all__ = ["Prometheus", "prometheus"]

EVERY = "500ms"


class Prometheus:
    """One that runs.

    Args:
        address: where it answers.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    async def raised(self) -> set[str]:
        """The names of the alerts that are raised now."""
        answer = await self._get("/api/v1/alerts")
        alerts = answer["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def raises(self, *names: str, timeout_s: float = 60) -> None:
        """Wait until alerts were raised, not necessarily at once."""
        missing = set(names)

        async def all_seen() -> bool:
            missing.difference_update(await self.raised())
            return not missing

        try:
            await eventually(all_seen, timeout_s)
        except TimeoutError:
            raise AssertionError(f"not raised: {sorted(missing)}") from None

    async def is_quiet_about(self, *names: str, timeout_s: float = 60) -> None:
        """Wait until none of some alerts is raised."""

        async def none_raised() -> bool:
            return not (await self.raised()).intersection(names)

        await eventually(none_raised, timeout_s)

    async def scrapes(self, jobs: Mapping[str, Iterable[int]]) -> None:
        """Wait until all ports of some jobs answer."""
        wanted = {f"{LOOPBACK}:{port}" for ports in jobs.values() for port in ports}

        async def all_up() -> bool:
            answer = await self._get("/api/v1/query?query=up==1")
            return wanted <= {found["metric"]["instance"] for found in answer["data"]["result"]}

        await eventually(all_up)

    async def _get(self, path: str) -> Any:
        """Ask; while it starts it knows nothing."""
        with contextlib.suppress(ClientConnectionError):
            async with ClientSession() as session, session.get(self._address + path) as response:
                if response.status == HTTPStatus.OK:
                    return await response.json()
        return {"data": {"alerts": [], "result": []}}


@contextlib.asynccontextmanager
async def prometheus(
    folder: Path, jobs: Mapping[str, Iterable[int]], limits: Mapping[str, float]
) -> AsyncIterator[Prometheus]:
    """Run a Prometheus.

    Args:
        folder: for its data.
        jobs: the ports to scrape on this machine, by the job's name.
        limits: of alerts that a test cannot wait for; the others have their own.
    """
    program = tool("prometheus", "Debian's prometheus")
    rule_file, config = folder / "rules.yml", folder / "prometheus.yml"
    rule_file.write_text(yaml.safe_dump(rules(unit="s", limits=limits)))
    told = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(rule_file)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"{LOOPBACK}:{port}" for port in ports]}]}
            for job, ports in jobs.items()
        ],
    }
    config.write_text(yaml.safe_dump(told))
    port = free_port()
    where = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 -- it runs beside the test
            [program, *where, f"--web.listen-address={LOOPBACK}:{port}"], stdout=output, stderr=output
        )
    try:
        yield Prometheus(f"http://{LOOPBACK}:{port}")
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)

"""Takes the README's pictures anew: `python -m tests.screenshots`, with Chromium on the machine.

A made-up fleet is folded on an embedded Kafka, and the page is photographed as it then is. Look at them.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Page

from processor.broker import EmbeddedKafka
from processor.publish.fleet import FleetPlan, plant
from processor.publish.publisher import open_publisher
from processor.publish.simulate import simulate
from tests.browser import opened
from tests.serving import Service
from tests.stream import Stream

__all__ = ["main"]

FOLDER = Path(__file__).parents[1] / "deploy"
PLAN = FleetPlan(events=40_000, hosts=500, components=200, hours=47.0)
SIZE = (1280, 900)


async def photograph(page: Page, name: str) -> None:
    """Wait until the charts stand there, and take the picture."""
    await page.get_by_text("Live", exact=True).wait_for()
    await page.locator("canvas").first.wait_for()
    await page.screenshot(path=str(FOLDER / name))


async def take(bootstrap: str, folder: Path) -> None:
    """Fold a fleet and take both pictures: the overview, and one component's story."""
    stream = await Stream(bootstrap, "").create_topics()
    planted = plant(PLAN)
    async with open_publisher(stream.settings, for_others=True) as publisher:
        await publisher.send_encoded(simulate(PLAN, time.time_ns() // 1_000, planted), lambda _: None)
    await stream.fold()
    with Service(stream.settings, folder / "serve.log").gone_at_the_end() as service:
        url = (await service.ready()).url
        async with opened(url, size=SIZE) as page:
            await photograph(page, "page.png")
        async with opened(f"{url}/#/component/{quote(planted.conflicts[0][0], safe='')}", size=SIZE) as page:
            bars = page.get_by_role("group", name="Successes and failures by hour")
            await bars.press("End")
            await photograph(page, "timeline.png")


def main() -> None:
    """Start Kafka, take the pictures, and stop it."""
    with EmbeddedKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        asyncio.run(take(kafka.bootstrap, Path(folder)))


if __name__ == "__main__":
    main()

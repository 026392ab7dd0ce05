"""A component's time line on the page, in a real browser, on a real service and broker."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import Locator, Page, expect

from schemas.topics import COMPONENT_HISTORY, COMPONENT_STATS
from tests.browser import opened, serious_faults
from tests.records import at, event, uuid_of
from tests.served import EVIL, Row, day, stats
from tests.serving import Service
from tests.stream import Stream

pytestmark = pytest.mark.kafka

NEWEST = day(EVIL, "2026-01-29", 9, 3, 1, 2, hours={"03": [4, 2, 1, 2], "05": [5, 1, 0, 0]})
ROWS = [day(EVIL, "2025-12-20", 100), day(EVIL, "2026-01-28", 7, 4), NEWEST]
PATH = "/#/component/" + quote(EVIL, safe="")
HOURS = "Successes and failures by hour: the arrow keys go from bar to bar"


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    await put(stream, COMPONENT_STATS, stats(EVIL, 116, 7), stats("quiet", 0, 0))
    await put(stream, COMPONENT_HISTORY, *ROWS)
    return stream


async def put(stream: Stream, topic: str, *rows: Row) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        for key, value in rows:
            await producer.send_and_wait(stream.settings.topic(topic), key=key, value=value)


@pytest.fixture
async def service(stream: Stream, tmp_path: Path) -> AsyncIterator[Service]:
    with Service(stream.settings, tmp_path / "serve.log").gone_at_the_end() as service:
        yield await service.ready()


def told(page: Page) -> Locator:
    """The words about the chosen bar."""
    return page.get_by_role("region", name="Time line").locator("[aria-live]")


async def test_every_bar_is_told_in_words_by_keyboard(service: Service) -> None:
    """X9: hours and days, each bar's counts in words that a screen reader hears, all of it as a table."""
    complaints: list[str] = []
    async with opened(service.url + PATH, complaints=complaints) as page:
        region = page.get_by_role("region", name="Time line")
        caption = region.locator("figcaption")
        await expect(caption).to_have_text(
            "The 48 hours up to 2026-01-29 05:00 UTC: 3 failed, 9 installed, 1 used, 2 removed. "
            "The most failures in one hour, 2: 2026-01-29 03:00 UTC."
        )
        await expect(region.locator("canvas")).to_be_visible()
        await region.get_by_role("group", name=HOURS).focus()
        for key, text in (
            ("ArrowLeft", "2026-01-29 05:00 UTC: 1 failed, 5 installed"),
            ("ArrowLeft", "2026-01-29 04:00 UTC: 0 failed, 0 installed"),
            ("ArrowLeft", "2026-01-29 03:00 UTC: 2 failed, 4 installed, 1 used, 2 removed"),
            ("ArrowRight", "2026-01-29 04:00 UTC: 0 failed, 0 installed"),
            ("Home", "2026-01-27 06:00 UTC: 0 failed, 0 installed"),
            ("End", "2026-01-29 05:00 UTC: 1 failed, 5 installed"),
            ("Escape", "Point at a bar, or choose one with the arrow keys."),
        ):
            await page.keyboard.press(key)
            await expect(told(page)).to_have_text(text)
        await region.get_by_role("button", name="90 days").focus()
        await page.keyboard.press("Enter")
        await expect(caption).to_contain_text("The 90 days up to 2026-01-29 UTC: 7 failed, 116 installed")
        await expect(region.get_by_role("button", name="90 days")).to_be_focused()
        await region.get_by_text("As a table").focus()
        await page.keyboard.press("Enter")
        rows = region.get_by_role("table", name="Outcomes by day, newest first").get_by_role("row")
        await expect(rows).to_have_count(1 + 3)
        await expect(rows.nth(1)).to_have_text("2026-01-29 UTC3912")
        await expect(rows.nth(3)).to_have_text("2025-12-20 UTC010000")
    assert complaints == []


async def test_every_bar_is_told_by_pointer(service: Service) -> None:
    """Who points at a bar reads its counts, and nothing once the pointer is gone."""
    async with opened(service.url + PATH) as page:
        bars = page.get_by_role("region", name="Time line").locator(".u-over")
        box = await bars.bounding_box()
        assert box is not None
        step = box["width"] / 49  # 48 bars, and half a step on either side
        await page.mouse.move(box["x"] + step * 46, box["y"] + 20)
        await expect(told(page)).to_have_text(
            "2026-01-29 03:00 UTC: 2 failed, 4 installed, 1 used, 2 removed"
        )
        await page.mouse.move(0, 0)
        await expect(told(page)).to_have_text("Point at a bar, or choose one with the arrow keys.")


async def test_it_lives_and_keeps_what_was_chosen(stream: Stream, service: Service) -> None:
    """New counts arrive by themselves; the chosen window and bar, the open table and the focus stay."""
    async with opened(service.url + PATH) as page:
        region = page.get_by_role("region", name="Time line")
        await region.get_by_text("As a table").click()
        bars = region.get_by_role("group", name=HOURS)
        await bars.focus()
        await page.keyboard.press("End")
        newer = day(EVIL, "2026-01-29", 9, 5, hours={"03": [4, 2, 1, 2], "05": [5, 3, 0, 0]})
        await put(stream, COMPONENT_HISTORY, newer)
        await expect(region.locator("figcaption")).to_contain_text("5 failed, 9 installed")
        await expect(told(page)).to_have_text("2026-01-29 05:00 UTC: 3 failed, 5 installed")
        await expect(region.get_by_role("table")).to_be_visible()
        await expect(bars).to_be_focused()
        await page.keyboard.press("ArrowLeft")
        await expect(told(page)).to_have_text("2026-01-29 04:00 UTC: 0 failed, 0 installed")


async def test_events_that_a_worker_folds_are_on_the_time_line(
    kafka: Any, prefix: str, tmp_path: Path
) -> None:
    """From an event to its bar: published, folded once, and told without anybody's doing."""
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    service = Service(stream.settings, tmp_path / "serve.log")
    with service.gone_at_the_end():
        await service.ready()
        async with stream.working(), opened(service.url + "/#/component/pkg:just/now") as page:
            await expect(page.get_by_text("This component was never seen.")).to_be_visible()
            failed = event(component_id="pkg:just/now", event_id=uuid_of(1))
            await stream.publish(failed)
            caption = page.get_by_role("region", name="Time line").locator("figcaption")
            await expect(caption).to_contain_text("1 failed, 0 installed.", timeout=60_000)
            later = {"event_id": uuid_of(2), "timestamp": at(4000), "outcome_type": "install_success"}
            await stream.publish(failed, failed | later)
            await expect(caption).to_contain_text("1 failed, 1 installed.", timeout=60_000)


async def test_there_may_be_nothing_to_show(stream: Stream, service: Service, tmp_path: Path) -> None:
    """A component without a count says so; a service that follows no time lines shows none."""
    async with opened(service.url + "/#/component/quiet") as page:
        await expect(page.get_by_text("Nothing was counted yet.")).to_be_visible()
    without = Service(stream.settings, tmp_path / "without.log", "--no-history")
    with without.gone_at_the_end():
        await without.ready()
        async with opened(without.url + PATH) as page:
            await expect(page.get_by_role("region", name="What happened")).to_be_visible()
            await expect(page.get_by_role("region", name="Time line")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
async def test_everybody_can_read_it(service: Service, size: tuple[int, int], dark: bool) -> None:
    """On a desk and a phone, light and dark, bar chosen, table open: axe finds nothing serious."""
    async with opened(service.url + PATH, size=size, dark=dark) as page:
        region = page.get_by_role("region", name="Time line")
        await expect(region.locator("canvas")).to_be_visible()
        await region.get_by_role("button", name="90 days").click()
        await region.get_by_text("As a table").click()
        await region.get_by_role("group", name="Successes and failures by day").focus()
        await page.keyboard.press("End")
        await expect(told(page)).to_contain_text("3 failed, 9 installed")
        assert await serious_faults(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

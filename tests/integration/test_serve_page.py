"""The page in a real browser, on a real service, broker and worker."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import expect

from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, HOST_LEDGER, VERDICTS
from tests.browser import opened, serious_faults
from tests.records import event, uuid_of
from tests.served import EVIL, day, ledger, pair, stats, verdicts
from tests.serving import Service
from tests.stream import Stream

pytestmark = pytest.mark.kafka

MINUTE = 60_000_000
SHOWN_EVIL = '<script>alert("x")</script>\\u202e\\x1b[2J\\n/../%2F&|'


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


@pytest.fixture
async def service(stream: Stream, tmp_path: Path) -> AsyncIterator[Service]:
    with Service(stream.settings, tmp_path / "serve.log").gone_at_the_end() as service:
        yield await service.ready()


async def fill(stream: Stream) -> None:
    """Rows of every kind, as a fleet leaves them."""
    names = [f"pkg:deb/debian/lib{n:02}?arch=amd64" for n in range(14)]
    rows = [stats(name, 40 - 2 * n, n * n // 3, usage_count=n) for n, name in enumerate(names)]
    rows += [stats(EVIL, 1, 4, removal_count=3), stats(".", 0, 1), stats("عربي", 3, 2)]
    rows += [stats("pkg:deb/debian/old", 9, 0, usage_count=7, deprecated_at="2026-01-03T00:00:00.000000Z")]
    pairs = [pair(names[n], names[n + 1], 3 + n) for n in range(6)] + [pair(EVIL, names[0], 9)]
    now = 1_767_323_045_000_000
    hosts = [
        ledger(f"host-{n}", (now + n * MINUTE, now + n * MINUTE + 9, (EVIL, names[n]))) for n in range(9)
    ]
    hosts.append(ledger("full", (now, now, None)))
    days = [day(EVIL, f"2026-01-{n + 1:02}", n, n % 3) for n in range(28)]
    days.append(day(EVIL, "2026-01-29", 9, 3, 1, hours={"03": [4, 2, 1, 0], "05": [5, 1, 0, 0]}))
    held = [verdicts(EVIL, ("problematic", None), ("conflicts_with", names[0]))]
    tables = (
        (VERDICTS, held),
        (COMPONENT_STATS, rows),
        (CO_FAILURES, pairs),
        (HOST_LEDGER, hosts),
        (COMPONENT_HISTORY, days),
    )
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        for topic, some in tables:
            for key, value in some:
                await producer.send(stream.settings.topic(topic), key=key, value=value)


async def test_search_open_and_go_back_by_keyboard(stream: Stream, service: Service) -> None:
    """X9: search as you type, open with Enter, an id with markup in it is text and nothing else."""
    await fill(stream)
    complaints: list[str] = []
    async with opened(service.url, complaints=complaints) as page:
        await expect(page.get_by_role("region", name="Failing now").get_by_role("row")).to_have_count(13)
        await page.keyboard.press("/")
        await page.keyboard.type("SCRIPT", delay=20)
        option = page.get_by_role("option", name=SHOWN_EVIL)
        await expect(option).to_be_visible()
        await page.keyboard.press("ArrowDown")
        await expect(option).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(SHOWN_EVIL)
        assert page.url.endswith("#/component/" + quote(EVIL, safe="!'()*"))
        await expect(page.get_by_text("problematic", exact=True)).to_be_visible()
        await expect(page.get_by_text("together with").first).to_be_visible()
        why = page.get_by_role("region", name="Verdicts")
        await expect(why.get_by_text("Because of conflicts_with.")).to_be_visible()
        await expect(why.get_by_role("link", name="How verdicts are computed")).to_be_visible()
        await expect(page.get_by_role("region", name="Conflicts").get_by_role("link")).to_have_count(1)
        assert await page.evaluate("document.querySelectorAll('main script').length") == 0
        await page.go_back()
        await expect(page.get_by_role("region", name="Failing now").first).to_be_visible()
        await page.get_by_role("combobox", name="Search components").fill("nobody has this")
        await expect(page.get_by_text("No component has this in its id")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("listbox")).to_be_hidden()
    assert complaints == []


@pytest.mark.parametrize("component_id", [".", "..", "عربي", "50%"])
async def test_any_id_has_a_story(stream: Stream, service: Service, component_id: str) -> None:
    """X9: ids that a path would swallow, too; an unknown one says that it was never seen."""
    await fill(stream)
    async with opened(f"{service.url}/#/component/{quote(component_id, safe='')}") as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(component_id)
        unknown = page.get_by_text("This component was never seen.")
        await expect(unknown).to_be_visible(visible=component_id in {"..", "50%"})


async def test_it_updates_by_itself(stream: Stream, service: Service) -> None:
    """An event that a worker folds is on the page without anybody's doing; before it, the page is empty."""
    async with stream.working(), opened(service.url) as page:
        for text in ("No component fails.", "No failures lately.", "Nothing is deprecated."):
            await expect(page.get_by_text(text)).to_be_visible()
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        await stream.publish(event(component_id="pkg:just/now", event_id=uuid_of(1)))
        failing = page.get_by_role("region", name="Failing now").first
        await expect(failing.get_by_role("link", name="pkg:just/now")).to_be_visible()
        await failing.get_by_role("link", name="pkg:just/now").focus()
        await stream.publish(event(component_id="pkg:just/later", event_id=uuid_of(2)))
        await expect(failing.get_by_role("link", name="pkg:just/later")).to_be_visible()
        focused = await page.evaluate("document.activeElement.textContent")
        assert focused == "pkg:just/now"


async def test_it_says_when_what_it_shows_is_old(own_broker: Any, prefix: str, tmp_path: Path) -> None:
    """A dead broker, and a dead service, are told in words; when they are back, the page is live again."""
    broker = own_broker()
    stream = await Stream(broker.bootstrap, prefix, request_timeout_s=2).create_topics()
    service = Service(stream.settings, tmp_path / "serve.log")
    with service.gone_at_the_end():
        await service.ready()
        async with opened(service.url) as page:
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()
            broker.kill()
            await expect(page.get_by_text("Kafka has not answered for")).to_be_visible(timeout=60_000)
            await expect(page.get_by_role("status")).to_contain_text("Stale")
            broker.start()
            await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=60_000)
            service.process.kill()
            await expect(page.get_by_text("The service does not answer.")).to_be_visible(timeout=30_000)
            await expect(page.get_by_role("status")).to_have_text("No connection")


async def test_a_token_is_asked_for(stream: Stream, tmp_path: Path) -> None:
    """With tokens the page shows nothing but a question, until it has one."""
    tokens = {"FLEETFOLD_TOKENS": "people read 0123456789abcdef"}
    service = Service(stream.settings, tmp_path / "log", **tokens)
    with service.gone_at_the_end():
        await service.ready()
        async with opened(service.url) as page:
            await page.get_by_label("Bearer token").fill("0123456789abcdef")
            await page.get_by_role("button", name="Show the answers").click()
            await expect(page.get_by_text("No component fails.")).to_be_visible()
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("size", "dark", "path"),
    [
        ((1280, 1000), False, ""),
        ((1280, 1000), True, ""),
        ((390, 844), False, ""),
        ((1280, 900), True, "#/component/" + quote(EVIL, safe="")),
        ((390, 844), True, "#/component/" + quote(EVIL, safe="")),
    ],
)
async def test_everybody_can_read_it(
    stream: Stream, service: Service, tmp_path: Path, size: tuple[int, int], dark: bool, path: str
) -> None:
    """On a desk and a phone, light and dark: axe finds nothing serious, nothing is wider than the screen."""
    await fill(stream)
    async with opened(f"{service.url}/{path}", size=size, dark=dark) as page:
        await expect(page.locator("main section").nth(1)).to_be_visible()
        await expect(page.locator("canvas").first).to_be_visible()
        assert await serious_faults(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.screenshot(path=str(tmp_path / "page.png"), full_page=True)

"""Headless Chromium, the machine's own, driven by Playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

__all__ = ["chromium", "opened", "serious_faults"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
NEEDED = "FLEETFOLD_TEST_NEED_BROWSER"
DESK = (1280, 900)


def chromium() -> str | None:
    """Return where this machine's Chromium is; None if it has none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def _needed() -> str:
    """Return where it is; without one the test is skipped, but where CI says that there must be one."""
    found = chromium()
    if found is None and os.environ.get(NEEDED):
        pytest.fail("no Chromium: CI installs one, so the page's tests must run")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium): the page is not tested")
    return found


@asynccontextmanager
async def opened(
    url: str, *, size: tuple[int, int] = DESK, dark: bool = False, complaints: list[str] | None = None
) -> AsyncIterator[Page]:
    """Open a page in a browser of its own.

    Args:
        url: which page.
        size: of the window, in pixels.
        dark: whether the person likes it dark.
        complaints: gets what the page's scripts and the Content-Security-Policy complain about.
    """
    program = _needed()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            viewport = {"width": size[0], "height": size[1]}
            context = await browser.new_context(
                viewport=viewport,  # type: ignore[arg-type]  # the library wants a class of its own
                color_scheme="dark" if dark else "light",
            )
            page = await context.new_page()
            heard = [] if complaints is None else complaints
            page.on("pageerror", lambda error: heard.append(str(error)))
            page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
            page.on("dialog", lambda dialog: heard.append(f"a dialog: {dialog.message}"))
            await page.goto(url)
            yield page
        finally:
            await browser.close()


async def serious_faults(page: Page) -> list[str]:
    """Return what axe finds that keeps people out."""
    results = await Axe().run(page)
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in results.response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]

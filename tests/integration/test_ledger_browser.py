"""The ledger's page in a real browser: headless Chromium, and axe-core for what a screen reader would stumble over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ledger.figures import Figures
from services.ledger.page.routes import routes
from services.runtime.http import serve
from services.runtime.page.access import Access
from tests.integration.browser import DESKTOP, PHONE, launch, needs_chromium, playwright, require_sound
from tests.ledger_world import NOW_MS, with_unreporting, world

pytestmark = needs_chromium

PATHS = ("/", "/desks/nl", "/desks/in", "/definitions")


def figures(*, caught_up: bool = True) -> Figures:
    found = world().figures(caught_up=caught_up)
    found.residue = {("fr", "routine"): 3}
    return found


@asynccontextmanager
async def browsing(shown: Figures) -> AsyncIterator[tuple[str, Any]]:
    """The page's address, and a browser."""
    configuration = with_unreporting()
    pages = routes(shown, configuration, frozenset(configuration.desks.by_id), Access(None), lambda: NOW_MS)
    async with (
        serve(CollectorRegistry(), lambda: (True, {}), "127.0.0.1", 0, pages) as server,
        playwright.async_playwright() as driver,
    ):
        browser = await launch(driver)
        yield server.url, browser
        await browser.close()


@pytest.mark.parametrize(
    ("width", "scheme", "caught_up"),
    [(PHONE, "light", True), (PHONE, "dark", False), (DESKTOP, "dark", True), (DESKTOP, "light", False)],
    ids=["phone, light", "phone, dark, not caught up", "desktop, dark", "desktop, light, not caught up"],
)
async def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(width: int, scheme: str, caught_up: bool) -> None:
    async with browsing(figures(caught_up=caught_up)) as (url, browser):
        for path in PATHS:
            await require_sound(browser, f"{url}{path}", width, scheme)


async def test_the_page_is_whole_without_javascript() -> None:
    async with browsing(figures()) as (url, browser):
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(url)
        assert await page.locator("svg.turnover").is_visible()
        assert await page.locator("table.heat").is_visible()
        await page.locator("summary").first.click()
        assert await page.locator("details table").first.is_visible()


async def test_a_number_leads_to_its_definition_by_one_click() -> None:
    async with browsing(figures()) as (url, browser):
        page = await browser.new_page()
        await page.goto(url)
        await page.locator(".card dd a").first.click()
        assert page.url == f"{url}/definitions#waiting"
        assert await page.locator("#waiting h2").is_visible()


async def test_the_keyboard_reaches_the_content_first_and_scrolls_the_tables() -> None:
    async with browsing(figures()) as (url, browser):
        page = await browser.new_page(viewport={"width": PHONE, "height": 800})
        await page.goto(url)
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        assert await page.locator(".skip").bounding_box() is not None
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "content"
        table = page.locator("#desks .scroll").first
        await table.focus()
        await page.keyboard.press("ArrowRight")
        async with asyncio.timeout(10):  # the policy forbids what wait_for_function would evaluate
            while not await table.evaluate("element => element.scrollLeft"):  # noqa: ASYNC110 - the browser's event
                await asyncio.sleep(0.02)


async def test_the_stylesheet_is_let_in_by_the_policy() -> None:
    async with browsing(figures()) as (url, browser):
        page = await browser.new_page(color_scheme="dark")
        await page.goto(url)
        colour = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert colour == "rgb(20, 23, 27)"

"""The notifier's page in a real browser, and the page that a mail leads to: headless Chromium and axe-core."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.notifier.whom import Endpoint
from tests.integration.browser import DESKTOP, PHONE, launch, needs_chromium, playwright, require_sound
from tests.notifier_served import Served, open_groups, served
from tests.notifier_world import TOKENS

pytestmark = needs_chromium
GROUP = "nl/routine/target_missed"
LINK = TOKENS.invite(GROUP, 7).page.removeprefix(TOKENS.public_url)


@asynccontextmanager
async def browsing(directory: Path) -> AsyncIterator[tuple[Served, Any]]:
    """A notifier with something of everything, and a browser."""
    async with served(directory) as notifier, playwright.async_playwright() as driver:
        notifier.take(*open_groups(untold=12))
        notifier.pass_time(61)
        notifier.pass_time(200_000)
        notifier.disable(Endpoint("fr", "chief"))
        browser = await launch(driver)
        yield notifier, browser
        await browser.close()


async def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(tmp_path: Path) -> None:
    async with browsing(tmp_path) as (notifier, browser):
        for width, scheme, path in (
            (PHONE, "light", "/"),
            (PHONE, "dark", LINK),
            (DESKTOP, "dark", "/"),
            (DESKTOP, "light", LINK),
            (DESKTOP, "light", "/?desk=de"),
        ):
            await require_sound(browser, f"{notifier.url}{path}", width, scheme)


async def test_the_button_answers_and_the_page_has_it_no_more_without_javascript(tmp_path: Path) -> None:
    async with browsing(tmp_path) as (notifier, browser):
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"{notifier.url}/")
        assert await page.locator("#open tbody tr").count() == 4
        assert await page.locator("#open .badge", has_text="Ladder gone through").count() > 0
        assert await page.locator("#channels .badge", has_text="Disabled").count() == 1
        assert "12 desks" in await page.locator("#untold summary").inner_text()
        await page.goto(f"{notifier.url}{LINK}")
        await page.locator("button").click()
        assert "Answered" in await page.locator("h1").inner_text()
        await page.goto(f"{notifier.url}/")
        assert await page.locator("#open tbody tr").count() == 3
        assert await page.locator("#open tbody tr", has_text="target missed").count() == 0

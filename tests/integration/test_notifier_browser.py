"""The notifier's page in a real browser, and the page that a mail leads to: headless Chromium and axe-core."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.notifier.whom import Endpoint
from tests.integration.test_ledger_browser import CHROMIUM, DESKTOP, PHONE, axe, playwright
from tests.notifier_served import Served, open_groups, served
from tests.notifier_world import TOKENS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing: the page in a browser")
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
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield notifier, browser
        await browser.close()


async def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(tmp_path: Path) -> None:
    async with browsing(tmp_path) as (notifier, browser):
        for width, scheme, path in (
            (PHONE, "light", "/"),
            (PHONE, "dark", LINK),
            (DESKTOP, "dark", "/"),
            (DESKTOP, "light", LINK),
            (DESKTOP, "light", "/?desk=be"),
        ):
            context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = await context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message, into=complaints: into.append(message.text))
            await page.goto(f"{notifier.url}{path}")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert complaints == [], path
            for details in await page.query_selector_all("details"):
                await details.evaluate("element => { element.open = true }")
            results = await axe.Axe().run(page)
            assert results.violations_count == 0, f"{path}: {results.generate_report()}"
            assert len(results.response["passes"]) > 10
            await context.close()


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

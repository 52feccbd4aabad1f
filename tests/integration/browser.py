"""A real browser for the pages: headless Chromium, and axe-core for what a screen reader would stumble over.

A module that imports it is skipped where one of these is missing.
"""

import shutil
from typing import Any

import pytest

playwright: Any = pytest.importorskip("playwright.async_api", reason="playwright is missing: the page in a browser")
axe: Any = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe-playwright-python is missing")
CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing: the page in a browser")
PHONE, DESKTOP = 360, 1280


async def launch(driver: Any) -> Any:
    """The browser."""
    return await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


async def require_sound(browser: Any, url: str, width: int, scheme: str) -> None:
    """The page at this width has no fault for axe with everything opened, is no wider, and the console is silent."""
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(url)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, url
    assert complaints == [], url
    for details in await page.query_selector_all("details"):
        await details.evaluate("element => { element.open = true }")
    results = await axe.Axe().run(page)
    assert results.violations_count == 0, f"{url}: {results.generate_report()}"
    assert len(results.response["passes"]) > 10
    await context.close()

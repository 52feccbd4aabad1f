"""What every page has: head, navigation, the pieces of tables; and how it is served."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.runtime.page.markup import Content, Html, document, element, fragment
from services.runtime.page.saying import say_age, say_number

STYLESHEET: Final = Path(__file__).with_name("page.css")
"""Served as page.css."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""


def page(title: str, links: Iterable[tuple[str, str]], *content: Content, root: str = "/") -> str:
    """A whole page. `links`: words and target of each in the navigation. `root`: from this page to the style sheet."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", title),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="stylesheet", href=f"{root}page.css"),
    )
    body = element(
        "body",
        element("a", "To the content", class_="skip", href="#content"),
        element(
            "header",
            element("nav", [element("a", words, href=target) for words, target in links], aria_label="Pages"),
            class_="top",
        ),
        element("main", content, id="content", tabindex="-1"),
    )
    return document(element("html", head, body, lang="en"))


def section(anchor: str, title: str, *content: Content) -> Html:
    """A part of a page under its heading."""
    return element(
        "section", element("h2", title, id=f"{anchor}-title"), content, id=anchor, aria_labelledby=f"{anchor}-title"
    )


def cards(*found: Html) -> Html:
    """Numbers beside each other."""
    return element("dl", found, class_="cards")


def table(caption: Content, heads: Sequence[Content], rows: Iterable[Content], name: str = "") -> Html:
    """A table that scrolls within itself where the screen is narrow, also by keyboard."""
    head = element("tr", [element("th", words, scope="col") for words in heads])
    inner = element(
        "table", element("caption", caption), element("thead", head), element("tbody", list(rows)), class_=name or None
    )
    return element("div", inner, class_="scroll", role="region", tabindex="0", aria_label=_plain(caption))


def row(head: Content, *cells: Content, name: str | None = None) -> Html:
    """Its first cell names the row. A cell made by `cell` stays as it is."""
    made = [part if isinstance(part, Html) and part.startswith("<td") else cell(part) for part in cells]
    return element("tr", element("th", head, scope="row"), made, class_=name)


def cell(content: Content, name: str | None = None) -> Html:
    """A cell, with a class of its own."""
    return element("td", content, class_=name)


def number(value: int) -> Html:
    """A number in a cell; one that is 0 steps back."""
    return cell(say_number(value), "none" if value == 0 else None)


def badge(words: str, tone: str) -> Html:
    """A word in a coloured frame; the word says all that the colour does."""
    return fragment(element("span", words, class_=f"badge {tone}"), " ")


def moment(at_ms: int) -> Html:
    """A time, in UTC."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return element("time", f"{at:%-d %B %Y %H:%M:%S} UTC", datetime=at.isoformat(timespec="seconds"))


def minute(at_ms: int) -> Html:
    """A time in UTC, without seconds where it has none."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    words = f"{at:%-d %b %Y %H:%M:%S}".removesuffix(":00")
    return element("time", f"{words} UTC", datetime=at.isoformat(timespec="seconds"))


def ago(at_ms: int | None, now_ms: int, never: str = "-") -> str:
    """How long since."""
    return never if at_ms is None else say_age((now_ms - at_ms) / 1000)


def _plain(caption: Content) -> str:
    return caption if isinstance(caption, str) and not isinstance(caption, Html) else "Table"

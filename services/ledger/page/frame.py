"""What every page has: head, navigation, the loud word when the count is not up to date; and the pieces of tables."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from services.ledger.page.ages import say_age, say_number
from services.ledger.page.definitions import DEFINITIONS
from services.ledger.page.markup import Content, Html, document, element, fragment
from services.ledger.page.view import DeskView, Sign, World

TITLE: Final = "Referrals nobody has looked at"
SIGNS: Final = {
    Sign.URGENT_OVERDUE: ("Urgent past target", "bad"),
    Sign.OVERDUE: ("Past target", "warn"),
    Sign.SILENT: ("Silent", "bad"),
    Sign.UNREPORTED: ("Unknown: does not report", "unknown"),
    Sign.IN_DOUBT: ("Count in doubt", "bad"),
    Sign.WAITING: ("Waiting, within target", "plain"),
    Sign.SHELVED: ("Nothing waits, some shelved", "plain"),
    Sign.NOTHING_WAITS: ("Nothing waits", "good"),
    Sign.NOT_COUNTED: ("Count not up to date", "warn"),
}
"""Words, and the class of their badge."""
LANES: Final = {"urgent": "Urgent", "priority": "Priority", "routine": "Routine"}


def page(title: str, world: World | None, *content: Content) -> str:
    """A whole page. `world`: the moment it shows, where it shows one."""
    stale = world is not None and not world.current
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", f"{'Not up to date: ' if stale else ''}{title}"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="stylesheet", href="/page.css"),
    )
    links = [
        element("a", words, href=target)
        for words, target in (
            ("All desks", "/"),
            ("What the numbers mean", "/definitions"),
            ("JSON", "/api/backlog"),
            ("CSV", "/api/backlog.csv"),
        )
    ]
    body = element(
        "body",
        element("a", "To the content", class_="skip", href="#content"),
        element("header", element("nav", links, aria_label="Pages"), class_="top"),
        element("main", _moment(world) if world else "", content, id="content", tabindex="-1"),
    )
    return document(element("html", head, body, lang="en"))


def section(anchor: str, title: str, *content: Content) -> Html:
    """A part of a page under its heading."""
    return element(
        "section", element("h2", title, id=f"{anchor}-title"), content, id=anchor, aria_labelledby=f"{anchor}-title"
    )


def defined(anchor: str, words: Content | None = None) -> Html:
    """A name or a number that leads to its definition. KeyError where there is none."""
    return element("a", words or DEFINITIONS[anchor].name, class_="defined", href=f"/definitions#{anchor}")


def card(anchor: str, number: Content, note: Content = "", tone: str = "plain") -> Html:
    """One large number with its name; both lead to the definition."""
    noted = element("span", note, class_="note") if note else ""
    return element(
        "div",
        element("dt", defined(anchor)),
        element("dd", defined(anchor, element("span", number, class_="number")), noted),
        class_=f"card {tone}",
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


def signs(desk: DeskView) -> Html:
    """All that must be said of a desk, the gravest first."""
    return fragment([badge(*SIGNS[sign]) for sign in desk.signs])


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


def _moment(world: World) -> Html:
    told = world.current or world.lag_records
    stored = ago(world.last_commit_ms, world.now_ms, "")
    line = element(
        "p",
        "As of ",
        moment(world.now_ms),
        f". Last change stored {stored} ago. " if stored else ". Nothing stored yet since this ledger began. ",
        defined(
            "lag", f"Behind by {say_number(world.lag_records)} positions" if told else "How far behind is not known"
        ),
        ".",
        class_="moment",
    )
    return fragment(_alarm(world), line)


def _alarm(world: World) -> Html:
    if world.current:
        return fragment()
    if not world.active:
        title = "This ledger does not keep the count now."
        why = "It stands by: another ledger has the lease, or it is starting. What stands here is old or empty."
    else:
        title = "The count is not up to date."
        far = f"{say_number(world.lag_records)} positions to go" if world.lag_records else "how far is not known yet"
        why = f"The ledger is still reading: {far}."
    told = "A zero here does not mean that nothing waits."
    return element("div", element("p", element("strong", title)), element("p", f"{why} {told}"), class_="alarm",
                   role="alert")  # fmt: skip

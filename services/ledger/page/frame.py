"""What every page has: head, navigation, the loud word when the count is not up to date; and the pieces of tables."""

from typing import Final

from services.ledger.page.definitions import DEFINITIONS
from services.ledger.page.view import DeskView, Sign, World
from services.runtime.page import frame
from services.runtime.page.frame import ago, badge, cards, cell, minute, moment, number, row, section, table
from services.runtime.page.markup import Content, Html, element, fragment
from services.runtime.page.saying import say_number

__all__ = [
    "LANES",
    "SIGNS",
    "TITLE",
    "ago",
    "badge",
    "card",
    "cards",
    "cell",
    "defined",
    "minute",
    "moment",
    "number",
    "page",
    "row",
    "section",
    "signs",
    "table",
]

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
LINKS: Final = (
    ("All desks", "/"),
    ("What the numbers mean", "/definitions"),
    ("JSON", "/api/backlog"),
    ("CSV", "/api/backlog.csv"),
)
LANES: Final = {"urgent": "Urgent", "priority": "Priority", "routine": "Routine"}


def page(title: str, world: World | None, *content: Content) -> str:
    """A whole page. `world`: the moment it shows, where it shows one."""
    stale = world is not None and not world.current
    return frame.page(f"{'Not up to date: ' if stale else ''}{title}", LINKS, _moment(world) if world else "", content)


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


def signs(desk: DeskView) -> Html:
    """All that must be said of a desk, the gravest first."""
    return fragment([badge(*SIGNS[sign]) for sign in desk.signs])


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

"""The world at a glance: what waits, where it is worst, and of whom nothing is known."""

from typing import Final

from schemas.codes import Lane
from services.ledger.page import charts
from services.ledger.page.ages import say_age, say_number, say_share
from services.ledger.page.frame import (
    LANES,
    TITLE,
    ago,
    badge,
    card,
    cards,
    cell,
    defined,
    number,
    page,
    row,
    section,
    signs,
    table,
)
from services.ledger.page.parts import turnover
from services.ledger.page.view import DeskView, Sign, World
from services.runtime.page.markup import Content, Html, element, fragment

SHOWN: Final = 15
"""Desks that are seen at once; every one with urgent referrals past their target is."""


def world_page(world: World) -> str:
    """The page at `/`."""
    return page(
        TITLE,
        world,
        element("h1", TITLE),
        _glance(world),
        section("desks", "Desks, the worst first", _desks(world)),
        section("ages", "Waiting by lane and age", _heat_map(world)),
        section("turnover", "Arrived against looked at", turnover(world.history, "All desks that report")),
        section("silent", "Silent desks", _silent(world)),
        section("unreporting", "Desks that do not report", _unreporting(world)),
        section("count", "Does it add up?", _count(world)),
        section("rejected", "Rejected, not sent again", _rejected(world)),
    )


def count_badge(world: World) -> Html:
    """Whether received and accounted for agree; not known while the ledger reads."""
    if world.residue:
        return badge(f"In doubt: {say_number(world.residue)}", "bad")
    return badge("Adds up", "good") if world.current else badge("Not known now", "warn")


def _glance(world: World) -> Html:
    waiting, overdue = world.sum("waiting"), world.sum("overdue")
    urgent = world.sum("overdue", Lane.URGENT)
    silent, rejected = world.silent, sum(world.rejected.values())
    within = "count not up to date" if not world.current else f"{say_share(waiting - overdue, waiting)} within target"
    return cards(
        card("waiting", say_number(waiting), within),
        card("overdue", say_number(overdue), f"{say_number(urgent)} of them urgent", _tone(urgent, overdue)),
        card("oldest", ago(world.oldest_ms, world.now_ms), "waiting longest"),
        card("shelved", say_number(world.sum("shelved")), "looked at, not taken up"),
        card("in-hand", say_number(world.sum("in_hand")), "taken up"),
        card(
            "unreported",
            say_number(world.unreported),
            _desks_of(len(world.unreporting), "does not report", "do not report"),
            "unknown" if world.unreported else "plain",
        ),
        card("silent", say_number(len(silent)), "desks that should have spoken", "bad" if silent else "plain"),
        card("evidence-expiring", say_number(world.sum("evidence_expiring")), "traces end within 30 days"),
        card("expiring", say_number(world.sum("expiring")), "erased within 30 days"),
        card("rejected", say_number(rejected), "reports at no desk", "warn" if rejected else "plain"),
        card("conservation", count_badge(world), "received against accounted for", "bad" if world.residue else "plain"),
    )


def _desks(world: World) -> Html:
    quiet = [desk for desk in world.reporting if desk.signs[0] is Sign.NOTHING_WAITS]
    troubled = [desk for desk in world.reporting if desk.signs[0] is not Sign.NOTHING_WAITS]
    heads: list[Content] = [
        "Desk",
        fragment("Urgent ", defined("overdue", "past target")),
        defined("overdue"),
        defined("waiting"),
        defined("oldest"),
        defined("within-target"),
        defined("shelved"),
        defined("in-hand"),
        defined("heard"),
    ]
    shown = max(SHOWN, sum(desk.signs[0] is Sign.URGENT_OVERDUE for desk in troubled))
    rows = [_desk(desk, world.now_ms) for desk in troubled]
    caption = "Desks that report: urgent ones past their target first, then others past it, silence, age"
    told = table(caption, heads, rows[:shown], "desks")
    if not troubled:
        told = element("p", "Nothing waits and nothing is shelved at any desk that reports.", class_="absent")
    more = element(
        "details",
        element("summary", f"{_desks_of(len(troubled) - shown)} more, in the same order"),
        table(f"{caption}, continued", heads, rows[shown:], "desks"),
    )
    names = [fragment(", " if place else "", link(desk)) for place, desk in enumerate(quiet)]
    clear = element("p", f"Nothing waits at {_desks_of(len(quiet))}: ", names, ".", class_="quiet")
    return fragment(told, more if rows[shown:] else "", clear if quiet else "")


def _desk(desk: DeskView, now_ms: int) -> Html:
    waiting, overdue = desk.sum("waiting"), desk.sum("overdue")
    urgent = desk.of(Lane.URGENT).overdue
    return row(
        fragment(link(desk), element("span", signs(desk), class_="signs")),
        cell(say_number(urgent), "bad" if urgent else "none"),
        number(overdue),
        number(waiting),
        ago(desk.oldest_ms, now_ms),
        say_share(waiting - overdue, waiting),
        number(desk.sum("shelved")),
        number(desk.sum("in_hand")),
        ago(desk.heard_ms, now_ms, "never"),
    )


def link(desk: DeskView) -> Html:
    """A desk's name, leading to its page."""
    return element("a", desk.desk.name, href=f"/desks/{desk.desk.id}")


def _heat_map(world: World) -> Html:
    rows = []
    for lane in Lane:
        cells = [cell(say_number(count), f"heat-{charts.heat(count)}") for count in world.in_bands(lane)]
        rows.append(row(LANES[lane], *cells, number(world.sum("waiting", lane)), number(world.sum("overdue", lane))))
    heads = ["Lane", *(band.label for band in world.bands), defined("waiting"), defined("overdue")]
    legend = [cell_like(least, place + 1) for place, least in enumerate(charts.HEATS)]
    return fragment(
        table("How many wait, by lane and by how long they have waited", heads, rows, "heat"),
        element("p", defined("age", "Shaded by number"), ": ", legend, class_="legend"),
    )


def cell_like(least: int, shade: int) -> Html:
    """A sample of a shade."""
    return fragment(element("span", f"from {say_number(least)}", class_=f"sample heat-{shade}"), " ")


def _silent(world: World) -> Html:
    if not world.silent:
        words = "No desk is silent." if world.current else "Not known while the count is not up to date."
        return element("p", words, class_="absent")
    rows = [
        row(
            link(desk),
            ago(desk.heard_ms, world.now_ms, "never"),
            say_age(desk.desk.silent_after_seconds),
            number(desk.sum("waiting")),
            ago(desk.oldest_ms, world.now_ms),
        )
        for desk in world.silent
    ]
    heads = ["Desk", defined("heard"), defined("silent", "Silent after"), defined("waiting"), defined("oldest")]
    return table("Desks where something waits and that say nothing: nobody knows what they do", heads, rows)


def _unreporting(world: World) -> Html:
    if not world.unreporting:
        return element("p", "Every desk of this ledger reports.", class_="absent")
    rows = [
        row(link(desk), number(desk.sum("unended")), number(desk.sum("arrived")), ago(desk.oldest_ms, world.now_ms))
        for desk in world.unreporting
    ]
    heads = ["Desk", defined("unreported"), defined("arrived"), "Earliest arrival, ago"]
    return table("Unknown: somebody may have looked at all of these, or at none", heads, rows)


def _count(world: World) -> Html:
    state = element("p", count_badge(world), defined("conservation", "What this compares"))
    found = [
        row(fragment(link(desk), f", {LANES[lane.lane].lower()}"), number(lane.residue))
        for desk in world.desks
        for lane in desk.lanes
        if lane.residue
    ]
    return fragment(state, table("In doubt", ["Queue", defined("conservation", "In doubt")], found)) if found else state


def _rejected(world: World) -> Html:
    rows = [row(partner, number(reports)) for partner, reports in sorted(world.rejected.items())]
    return table("Reports refused for an error and not sent again since", ["Partner", defined("rejected")], rows)


def _tone(urgent: int, overdue: int) -> str:
    return "bad" if urgent else "warn" if overdue else "plain"


def _desks_of(count: int, one: str = "", more: str = "") -> str:
    return f"{say_number(count)} desk {one}".strip() if count == 1 else f"{say_number(count)} desks {more}".strip()

"""The page of one desk."""

from schemas.codes import Disposition, Lane
from services.ledger.page import charts
from services.ledger.page.ages import say_age, say_number, say_share
from services.ledger.page.frame import (
    LANES,
    TITLE,
    ago,
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
from services.ledger.page.parts import ages, say_drain, turnover
from services.ledger.page.view import DeskView, World
from services.runtime.page.markup import Content, Html, element, fragment


def desk_page(world: World, desk: DeskView) -> str:
    """The page at `/desks/<desk>`."""
    content = _reporting(world, desk) if desk.reports else _unreporting(world, desk)
    owner = f"Who answers for it: {desk.desk.owner}." if desk.desk.owner else ""
    return page(
        f"{desk.desk.name}: {TITLE[0].lower()}{TITLE[1:]}",
        world,
        element("h1", desk.desk.name),
        element("p", signs(desk), owner, class_="signs"),
        content,
    )


def _reporting(world: World, desk: DeskView) -> Html:
    labels = [band.label for band in world.bands]
    return fragment(
        _glance(world, desk),
        section("lanes", "By lane", _lanes(world, desk)),
        section(
            "ages",
            "How long they have waited",
            ages("Waiting, by time since arrival", labels, [(view.lane, view.bands) for view in desk.lanes], "age"),
        ),
        section("turnover", "Arrived against looked at", turnover(desk.history, desk.desk.name), _lately(world, desk)),
        section("closed", "What came of them", _closed(desk)),
        section(
            "evidence",
            "How old the evidence is",
            element(
                "p",
                f"Records of who was behind an identifier should last {say_age(desk.desk.evidence_seconds)} here. ",
                defined("evidence-expiring", f"{say_number(desk.sum('evidence_expiring'))} waiting"),
                " have theirs end within 30 days, or ended.",
            ),
            ages(
                "Waiting, by time since the oldest identifier was captured",
                labels,
                [(view.lane, view.evidence) for view in desk.lanes],
                "evidence",
            ),
        ),
        section("said", "What the desk said", _said(world, desk)),
    )


def _glance(world: World, desk: DeskView) -> Html:
    waiting, overdue, urgent = desk.sum("waiting"), desk.sum("overdue"), desk.of(Lane.URGENT).overdue
    residue = desk.sum("residue")
    count = say_number(residue) if world.current or residue else "not known now"
    return cards(
        card("waiting", say_number(waiting), "nobody has looked"),
        card(
            "overdue",
            say_number(overdue),
            f"{say_number(urgent)} of them urgent",
            "bad" if urgent else "warn" if overdue else "plain",
        ),
        card("within-target", say_share(waiting - overdue, waiting), "of those waiting"),
        card("oldest", ago(desk.oldest_ms, world.now_ms), "waiting longest"),
        card("drain", say_drain(desk.drain), _pace(world)),
        card("shelved", say_number(desk.sum("shelved")), "looked at, not taken up"),
        card("in-hand", say_number(desk.sum("in_hand")), "taken up"),
        card("moved", say_share(desk.moved, desk.left), f"of {say_number(desk.left)} that left"),
        card("expiring", say_number(desk.sum("expiring")), "erased within 30 days"),
        card("conservation", count, "in doubt", "bad" if residue else "plain"),
    )


def _lanes(world: World, desk: DeskView) -> Html:
    heads: list[Content] = [
        "Lane",
        defined("waiting"),
        defined("overdue"),
        defined("target"),
        defined("within-target"),
        defined("oldest"),
        defined("shelved"),
        defined("in-hand"),
        defined("arrived"),
        defined("looked"),
        defined("missed"),
    ]
    rows = [
        row(
            LANES[view.lane],
            number(view.waiting),
            number(view.overdue),
            say_age(view.target_seconds),
            say_share(view.waiting - view.overdue, view.waiting),
            ago(view.oldest_ms, world.now_ms),
            number(view.shelved),
            number(view.in_hand),
            number(view.arrived),
            number(view.looked),
            number(view.missed),
        )
        for view in desk.lanes
    ]
    return table("Now by lane; arrived, looked at and targets missed since the count began", heads, rows)


def _pace(world: World) -> str:
    return "nothing to tell it from" if world.since_ms is None else f"at the pace of the {_lately_words(world)}"


def _lately_words(world: World) -> str:
    assert world.since_ms is not None  # asked before
    return f"last {say_age((world.now_ms - world.since_ms) / 1000)}"


def _lately(world: World, desk: DeskView) -> Html:
    if world.since_ms is None:
        return fragment()
    rows = [
        row(
            LANES[view.lane],
            number(view.arrived_lately),
            number(view.looked_lately),
            number(view.closed_lately),
            say_drain(view.drain),
        )
        for view in desk.lanes
    ]
    heads: list[Content] = ["Lane", defined("arrived"), defined("looked"), defined("closed"), defined("drain")]
    return table(f"By lane, in the {_lately_words(world)}", heads, rows)


def _closed(desk: DeskView) -> Html:
    most = max(desk.closed.values(), default=0)
    rows = [
        row(_said_of(code), number(count), cell(charts.bar([("closed", count)], most), "bars"))
        for code, count in sorted(desk.closed.items(), key=lambda item: -item[1])
    ]
    bars = element("span", "Bar", class_="unseen")
    gone = [
        row(fragment(defined("closed-unlooked")), number(desk.closed_unlooked)),
        row("Forwarded to another desk", number(desk.forwarded)),
        row("Taken back by the partner", number(desk.sum("withdrawn"))),
        row("Expired", number(desk.sum("expired"))),
    ]
    return fragment(
        table("Closed, by outcome", ["Outcome", defined("closed"), bars], rows, "ages"),
        table("Left without work, or moved", ["How", defined("gone", "Referrals")], gone),
        element("p", defined("moved"), f": {say_share(desk.moved, desk.left)} of {say_number(desk.left)} that left."),
    )


def _said_of(code: Disposition) -> str:
    words = code.replace("_", " ")
    return f"{words[0].upper()}{words[1:]}".replace("Ip ", "IP ").replace("Indigo", "INDIGO")


def _said(world: World, desk: DeskView) -> Html:
    rows = [
        row(result.replace("_", " ").capitalize(), number(count))
        for result, count in desk.status.items()
        if count or result in ("applied", "repeated", "contested")
    ]
    return fragment(
        element(
            "p",
            defined("heard"),
            f": {ago(desk.heard_ms, world.now_ms, 'never')}{' ago' if desk.heard_ms else ''}. It counts as ",
            defined("silent", "silent"),
            f" after {say_age(desk.desk.silent_after_seconds)}. ",
            defined("orphaned", f"{say_number(desk.orphaned)} without their referral"),
            ".",
        ),
        table("Status events, by what came of them", ["Result", defined("status", "Events")], rows),
    )


def _unreporting(world: World, desk: DeskView) -> Html:
    labels = [band.label for band in world.bands]
    rows = [row(LANES[view.lane], number(view.unended), number(view.arrived)) for view in desk.lanes]
    return fragment(
        element(
            "p",
            "This desk does not report what it does. Somebody may have looked at all of these referrals, or at none.",
        ),
        cards(
            card("unreported", say_number(desk.sum("unended")), "brought to this desk", "unknown"),
            card("arrived", say_number(desk.sum("arrived")), "since the count began"),
            card(
                "conservation",
                say_number(desk.sum("residue")) if world.current else "not known now",
                "in doubt",
                "bad" if desk.sum("residue") else "plain",
            ),
        ),
        section(
            "lanes", "By lane", table("Brought, by lane", ["Lane", defined("unreported"), defined("arrived")], rows)
        ),
        section(
            "ages",
            "When they came",
            ages(
                "Of which no look was ever reported, by time since arrival",
                labels,
                [(view.lane, view.bands) for view in desk.lanes],
                "unreported",
            ),
        ),
    )

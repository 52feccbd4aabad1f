"""The page: open escalations, endpoints, what was given up; and the page with the button that a mail leads to."""

from datetime import datetime
from typing import Final

from services.notifier.page.view import Channel, Failed, OpenGroup, Told
from services.runtime.page import frame
from services.runtime.page.frame import badge, cell, number, row, section, table
from services.runtime.page.markup import Content, Html, element, fragment
from services.runtime.page.saying import say_age, say_number

HERE: Final = "./"
"""Every page is in one place, which may be behind a path of a proxy's: so all that they lead to is relative to it."""
LINKS: Final = (("Who is told", HERE), ("JSON", "api/notices"))


def told_page(told: Told) -> str:
    """The whole."""
    now = datetime.fromisoformat(told.at)
    return frame.page(
        "Who is told of referrals",
        LINKS,
        _alarm(told),
        element("p", "As of ", _time(told.at), ".", class_="moment"),
        element("h1", "Who is told"),
        _cards(told),
        section("open", "Nobody has answered", _groups([each for each in told.groups if each.of], now)),
        section("untold", "Nobody is told", _untold(told)),
        section("channels", "Channels", _channels(told.channels, now)),
        section("failed", "Given up", _failed(told.failed, now)),
        root=HERE,
    )


def button_page(group: str, covers: int, token: str) -> str:
    """Nothing happens until a person presses it: programs that look through mails follow links."""
    hidden = [
        element("input", type="hidden", name=name, value=value)
        for name, value in (("group", group), ("covers", covers), ("token", token))
    ]
    return frame.page(
        "Answer a message",
        (),
        element("h1", "Somebody has it in hand"),
        element("p", "This answers what ", element("strong", group), " stands for, up to the message that brought you "
                "here. What comes after it is told anew."),
        element("form", hidden, element("button", "I take care of it", type="submit"), method="post",
                action="acknowledge"),
        root=HERE,
    )  # fmt: skip


def word_page(title: str, words: str) -> str:
    """One sentence, after the button."""
    return frame.page(title, (), element("h1", title), element("p", words), root=HERE)


def _alarm(told: Told) -> Html:
    if told.active and told.caught_up:
        return fragment()
    if not told.active:
        title, why = (
            "This notifier keeps no ladders now.",
            "Another one does, or it is starting. It delivers still.",
        )
    else:
        title, why = "Not all notices are read yet.", f"{say_number(told.lag_records)} positions to go."
    return element("div", element("p", element("strong", title)), element("p", why), class_="alarm", role="alert")


def _cards(told: Told) -> Html:
    disabled = sum(channel.disabled for channel in told.channels)
    return frame.cards(
        _card("Nobody has answered", told.unanswered - told.untold, _warning(told.unanswered - told.untold)),
        _card("Of these, the whole ladder gone through", told.exhausted, "bad" if told.exhausted else "plain"),
        _card("Open, and nobody is told", told.untold, _warning(told.untold)),
        _card("Messages not taken yet", told.pending, "plain"),
        _card("Endpoints disabled", disabled, "bad" if disabled else "plain"),
    )


def _warning(value: int) -> str:
    return "warn" if value else "plain"


def _card(name: str, value: int, tone: str) -> Html:
    shown = element("span", say_number(value), class_="number")
    return element("div", element("dt", name), element("dd", shown), class_=f"card {tone}")


def _groups(groups: list[OpenGroup], now: datetime) -> Html:
    if not groups:
        return element("p", "Everything that was told was answered, looked at or is over.", class_="absent")
    heads = ("Desk", "What", "Step", "State", "Next", "Open", "Since", "Told")
    rows = [
        row(
            each.desk,
            each.type.replace("_", " ") + (f" ({each.lane})" if each.lane else ""),
            f"{min(each.steps, each.of)} of {each.of}",
            cell(_signs(each)),
            _until(each.due_at, now),
            number(each.count),
            _since(each.since, now),
            _told(each),
        )
        for each in groups
    ]
    return table("Open groups, the next to be told first", heads, rows, "words")


def _untold(told: Told) -> Html:
    """By desk: which one it is matters, and what they are is on the ledger's page."""
    desks = told.untold_of
    if not desks:
        return element("p", "Of every open group somebody is told.", class_="absent")
    rows = [row(desk, number(groups)) for desk, groups in sorted(desks.items())]
    return fragment(
        element("p", "These desks have no channel: something of theirs is open, and nobody hears of it."),
        element("details", element("summary", f"{say_number(len(desks))} desks"),
                table("Open groups of desks without a channel", ("Desk", "Open groups"), rows)),
    )  # fmt: skip


def _told(group: OpenGroup) -> str:
    not_yet = (f"{channel} (not taken yet)" for channel in group.waiting)
    given_up = (f"{channel} (given up)" for channel in group.given_up)
    return ", ".join((*group.told, *not_yet, *given_up)) or "-"


def _signs(group: OpenGroup) -> Content:
    return badge("Ladder gone through", "bad") if group.exhausted else ""


def _channels(channels: list[Channel], now: datetime) -> Html:
    if not channels:
        return element("p", "No channel is configured: nobody is told of anything.", class_="absent")
    rows = [
        row(
            f"{each.desk} {each.channel}",
            each.kind,
            number(each.delivered),
            number(each.pending),
            "-" if each.oldest_at is None else _since(each.oldest_at, now),
            cell(badge("Disabled", "bad") if each.disabled else ""),
        )
        for each in channels
    ]
    return table(
        "Each desk's channels", ("Channel", "Kind", "Delivered", "Not taken yet", "Oldest", "State"), rows, "words"
    )


def _failed(failed: list[Failed], now: datetime) -> Html:
    if not failed:
        return element("p", "Nothing was given up.", class_="absent")
    rows = [
        row(each.group, each.channel, number(each.tries), each.code, _since(each.at, now), name=None) for each in failed
    ]
    return table("Messages that were not taken for the whole schedule", ("Group", "Channel", "Tries", "Last answer",
                 "Given up"), rows)  # fmt: skip


def _time(text: str) -> Html:
    return frame.moment(int(datetime.fromisoformat(text).timestamp() * 1000))


def _since(text: str, now: datetime) -> str:
    return f"{say_age((now - datetime.fromisoformat(text)).total_seconds())} ago"


def _until(text: str | None, now: datetime) -> str:
    if text is None:
        return "-"
    return f"in {say_age((datetime.fromisoformat(text) - now).total_seconds())}"

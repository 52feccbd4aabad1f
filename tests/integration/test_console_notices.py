"""`referrals notices`, `acknowledge` and `notify` against a notifier's own API."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.notifier import outbox
from services.notifier.whom import Endpoint
from tests.console_command import Ran, referrals
from tests.notifier_served import Served, open_groups, served

TOKEN = "an-operators-token-of-some-length"


@pytest.fixture
async def notifier(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as found:
        found.take(*open_groups())
        yield found


async def ran(notifier: Served, *words: str) -> Ran:
    return await asyncio.to_thread(referrals, *words, "--url", notifier.url)


async def until_tried(notifier: Served, group: str) -> None:
    """Its newest message, to each of its channels."""

    def tried() -> bool:
        with notifier.database.reading() as connection:
            return all(row.tries for row in outbox.read_group(connection, group))

    await notifier.until(tried)


def first_cells(text: str) -> list[str]:
    """The first word of each row below the heading and its line."""
    return [line.split()[0] for line in text.splitlines()[2:] if line.strip()]


async def test_what_somebody_was_told_is_listed_and_the_rest_only_counted(notifier: Served) -> None:
    shown = await ran(notifier, "notices")
    assert shown.code == 0
    told = {"nl/urgent/urgent_arrived", "nl/routine/target_missed", "fr/all/desk_silent", "de/priority/oldest_waiting"}
    assert set(first_cells(shown.out)) >= told
    assert "x0/" not in shown.out
    assert "3 groups more, of desks without a channel" in shown.err
    every = await ran(notifier, "notices", "--all")
    assert {f"x{n}/routine/target_missed" for n in range(3)} <= set(first_cells(every.out))
    one = await ran(notifier, "notices", "x1")
    assert first_cells(one.out) == ["x1/routine/target_missed"]
    assert "nobody is told" in one.out


async def test_json_is_the_notifiers_own_document(notifier: Served) -> None:
    document = (await ran(notifier, "notices", "fr", "--json")).document()
    assert [group["group"] for group in document["groups"]] == ["fr/all/desk_silent"]
    assert {channel["channel"] for channel in document["channels"]} == {"duty", "chief"}


async def test_each_step_is_seen_and_a_ladder_that_was_gone_through_is_found_wrong(notifier: Served) -> None:
    assert "1 of 2" in (await ran(notifier, "notices", "fr")).out
    notifier.pass_time(61)
    await until_tried(notifier, "fr/all/desk_silent")
    shown = await ran(notifier, "notices", "fr")
    assert "2 of 2" in shown.out
    assert "duty, chief" in shown.out
    assert shown.code == 0
    notifier.pass_time(200_000)
    shown = await ran(notifier, "notices", "fr")
    assert "gone through" in shown.out
    assert shown.code == 1


async def test_a_disabled_endpoint_is_found_wrong_and_enabled_again(notifier: Served) -> None:
    notifier.disable(Endpoint("nl", "duty"))
    shown = await ran(notifier, "notices", "nl")
    assert shown.code == 1
    assert "disabled" in shown.out
    assert (await ran(notifier, "notify", "--enable", "nl/duty")).code == 0
    again = await ran(notifier, "notify", "--enable", "nl/duty")
    assert again.code == 1
    assert (await ran(notifier, "notices", "nl")).code == 0
    assert (await ran(notifier, "notify", "--enable", "nl")).code == 2


async def test_who_has_not_taken_a_message_is_not_among_the_told(notifier: Served) -> None:
    await until_tried(notifier, "de/priority/oldest_waiting")
    (row,) = (await ran(notifier, "notices", "de")).out.splitlines()[2:3]
    assert row.rstrip().endswith("  duty (not taken yet)")


async def test_an_answer_to_a_desk_is_one_to_each_of_its_groups(notifier: Served) -> None:
    answered = await ran(notifier, "acknowledge", "nl")
    assert answered.code == 0
    assert len(answered.out.splitlines()) == 2
    assert "nl/" not in (await ran(notifier, "notices")).out
    assert "fr/all/desk_silent" in (await ran(notifier, "notices")).out
    nothing = await ran(notifier, "acknowledge", "nl")
    assert (nothing.code, nothing.out) == (0, "")
    assert "nothing" in nothing.err


@pytest.mark.parametrize("words", [("notices", "nll"), ("acknowledge", "nll"), ("notify", "--test", "nll")])
async def test_a_desk_that_nobody_knows_is_wrong_use(notifier: Served, words: tuple[str, ...]) -> None:
    shown = await ran(notifier, *words)
    assert (shown.code, shown.out, shown.err) == (2, "", "wrong use: nll: No such desk.\n")


async def test_an_answer_to_a_group_covers_what_it_says_and_no_more(notifier: Served) -> None:
    ahead = await ran(notifier, "acknowledge", "fr/all/desk_silent", "--covers", "900")
    assert ahead.code == 1
    assert "fr/all/desk_silent" in (await ran(notifier, "notices")).out
    taken = await ran(notifier, "acknowledge", "fr/all/desk_silent", "--covers", "9", "--json")
    (document,) = taken.documents()
    assert (document["result"], document["covers"]) == ("taken", 9)
    assert (await ran(notifier, "acknowledge", "fr/all/target_missed")).code == 1
    assert (await ran(notifier, "acknowledge", "fr", "--covers", "9")).code == 2


async def test_a_test_says_of_each_channel_what_came_back(notifier: Served) -> None:
    tested = await ran(notifier, "notify", "--test", "fr")
    assert tested.code == 0
    assert tested.out.count("delivered") == 2
    deaf = await ran(notifier, "notify", "--test", "de", "--json")
    assert deaf.code == 1
    (channel,) = deaf.document()["channels"]
    assert (channel["state"], channel["code"], channel["tries"] > 0) == ("pending", "http_4xx", True)
    untold = await ran(notifier, "notify", "--test", "x1")
    assert untold.code == 2
    assert (await ran(notifier, "notify")).code == 2


async def test_a_test_of_a_disabled_endpoint_says_so_and_how_it_is_enabled(notifier: Served) -> None:
    for tries in (1, 0):  # the first is what disables it; the second waits until it is enabled
        shown = await ran(notifier, "notify", "--test", "it")
        assert (shown.code, shown.out.splitlines()[2].split()[:4]) == (1, ["duty", "webhook", "disabled", str(tries)])
        assert "it/duty said that it is gone: `referrals notify --enable it/duty` tries it again" in shown.err
    assert (await ran(notifier, "notify", "--test", "it", "--json")).document()["channels"][0]["disabled"]


async def test_a_token_that_is_asked_for_is_taken_from_a_file(tmp_path: Path) -> None:
    """Of its first line, as the notifier reads its own."""
    (tmp_path / "token").write_text(f"{TOKEN}\na note beside it\n")
    async with served(tmp_path, TOKEN) as notifier:
        without = await ran(notifier, "notices")
        assert without.code == 2
        assert "--token-file" in without.err
        assert (await ran(notifier, "notices", "--token-file", str(tmp_path / "token"))).code == 0
        (tmp_path / "token").write_text("\n")
        empty = await ran(notifier, "notices", "--token-file", str(tmp_path / "token"))
        assert (empty.code, "is empty; expected a file whose first line is the token" in empty.err) == (2, True)


def test_where_no_notifier_answers_it_is_said_how_to_start_one() -> None:
    shown = referrals("notices", "--url", "http://127.0.0.1:1")
    assert shown.code == 3
    assert "python -m services.notifier" in shown.err

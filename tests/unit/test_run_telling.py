"""What a run says of who was told: each step of a silent desk's ladder once, and how all of it stands at the end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.codes import Lane, NoticeType
from services.console.run_telling import Arrived, Ladder, Telling, climbed, read_arrived, read_telling, summary
from services.notifier.database import SERVICE, Database
from services.notifier.figures import Figures
from services.notifier.ladders import Ladders
from services.notifier.page.view import look
from services.runtime.database import connect, migrate
from tests.notifier_world import NOW_MS, TOKENS, notice, notify, whom

SILENCE = Ladder("fr/all/desk_silent", "fr", "desk_silent", None, 7, 1, 3, exhausted=False, channels=("duty",))
MISSED = replace(SILENCE, group="fr/urgent/target_missed", type="target_missed", lane="urgent")


def telling(*ladders: Ladder) -> Telling:
    return Telling(12, 1, len(ladders), 0, ladders, current=True)


def document(directory: Path) -> Any:
    """The notifier's own, of a desk that is told and of one that is not."""
    engine = connect(f"sqlite:///{directory}/notifier.db")
    migrate(engine, SERVICE)
    database, told = Database(engine), whom(nl=notify())
    with database.transaction() as connection:
        Ladders(told, TOKENS).take(
            connection,
            [notice(7, count=5), *(notice(n, NoticeType.DESK_SILENT, f"d{n}", lane=None) for n in range(1, 4))],
            NOW_MS,
        )
    found = look(database, told, Figures(), NOW_MS).model_dump(mode="json")
    engine.dispose()
    return found


def test_the_notifiers_own_document_is_added_up_without_those_who_are_told_nothing(tmp_path: Path) -> None:
    said = document(tmp_path)
    assert (said["unanswered"], said["untold"], said["groups"][0]["desk"]) == (4, 3, "nl")
    found = read_telling(said)
    assert (found.unanswered, found.pending) == (1, 1)
    (ladder,) = found.ladders
    assert (ladder.group, ladder.step, ladder.count) == (f"nl/{Lane.ROUTINE}/target_missed", "step 1 of 2", 5)
    assert ladder.channels == ("duty",)


def test_each_step_of_a_silence_is_said_once_and_no_repetition() -> None:
    second = replace(SILENCE, steps=2, channels=("duty", "mail"))
    assert list(climbed(None, telling(SILENCE, MISSED))) == ["fr says nothing: step 1 of 3 (duty); nobody has answered"]
    assert list(climbed(telling(SILENCE), telling(SILENCE))) == []
    (line,) = climbed(telling(SILENCE), telling(second))
    assert "step 2 of 3 (duty, mail)" in line
    last, again = replace(second, steps=3), replace(second, steps=4, exhausted=True)
    assert list(climbed(telling(last), telling(again))) == []
    assert again.step == "step 3 of 3, again 1x"


def test_what_came_is_counted_by_the_lines_of_the_sinks() -> None:
    webhook = {"channel": "webhook", "id": "msg_1", "path": "/fr", "verified": True}
    said: list[Any] = [
        {"listening": {"webhook": 1}},
        webhook,
        webhook,
        {**webhook, "id": "msg_2", "verified": False},
        {"channel": "email", "id": "<1@x>"},
        [],
    ]
    lines = map(json.dumps, said)
    assert read_arrived([*lines, "Traceback: no JSON", ""]) == Arrived(webhooks=3, verified=2, mails=1, again=1)


def test_the_end_names_the_silent_and_counts_the_rest() -> None:
    many = [replace(MISSED, group=f"fr/{n}", steps=3 + n, exhausted=n > 0) for n in range(9)]
    lines = summary(telling(*many, SILENCE), Arrived(40, 40, 3, 2))
    assert lines == [
        "Told: 12 messages delivered, 1 not yet; 40 webhooks (40 verified), 3 mails, 2 of them a second time",
        "Unanswered: fr, desk silent, 7 open: step 1 of 3",
        "Unanswered: 9 groups more; the whole ladder was gone through for 8 of them",
    ]
    (_, highest, _) = summary(telling(*many), Arrived(0, 0, 0, 0))
    assert highest == "Unanswered: fr, target missed (urgent), 7 open: step 3 of 3, again 8x"

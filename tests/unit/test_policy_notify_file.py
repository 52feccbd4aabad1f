"""`notify` in `deploy/desks.yaml`: what is written is what is meant, and each mistake is refused at its line."""

import re
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest

from policy.configuration import load
from policy.notify import NOBODY, DeskTopic, Email, Notify, Quiet, Rung, Webhook
from policy.topics import told_by_topic, topic_plan
from tests.unit.test_policy_configuration import DEPLOY, MARK, assert_one_problem, copy_deploy, edit, problems_of

AUSTRIA: Final = "  at: {name: Austria}\n"
WHOLE: Final = """  at:
    name: Austria
    notify:
      time_zone: Europe/Vienna
      quiet: {from: 22:00, until: "07:00"}
      digest: 08:30
      report_numbers: true
      channels:
        duty: {webhook: http://10.1.2.3:8080/n, secret_file: secrets/at.keys, networks: [10.1.0.0/16, fd00:1::/32]}
        mail: {email: [duty@police.example, chief@police.example]}
        topic: {kafka: true}
      ladder:
        - {after: 0s, channels: [duty, topic]}
        - {after: 15m, channels: [duty, mail]}
      repeat: 4h
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A desk file in which Austria is told in every way; without comments, so that a text is in it once."""
    file = copy_deploy(tmp_path) / "desks.yaml"
    file.write_text(re.sub(r"^ *#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    edit(file, AUSTRIA, WHOLE)
    return file


def test_what_is_written_is_what_is_meant(path: Path) -> None:
    assert load(path.parent).desks.by_id["at"].notify == Notify(
        channels={
            "duty": Webhook(
                "duty",
                "http://10.1.2.3:8080/n",
                path.parent / "secrets" / "at.keys",
                (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")),
            ),
            "mail": Email("mail", ("duty@police.example", "chief@police.example")),
            "topic": DeskTopic("topic"),
        },
        rungs=(Rung(0, ("duty", "topic")), Rung(900, ("duty", "mail"))),
        repeat_seconds=14_400,
        time_zone="Europe/Vienna",
        quiet=Quiet(time(22), time(7)),
        digest=time(8, 30),
        report_numbers=True,
    )


def test_nobody_is_told_until_it_is_said_whom() -> None:
    table = load(DEPLOY).desks
    assert {desk.notify for desk in table.desks} == {NOBODY}
    assert table.operator == NOBODY


def test_without_a_ladder_all_channels_are_told_at_once_and_again_each_day(path: Path) -> None:
    text = path.read_text("utf-8")
    start, end = text.index("      ladder:"), text.index("      repeat: 4h\n") + len("      repeat: 4h\n")
    path.write_text(text[:start] + text[end:], "utf-8")
    notify = load(path.parent).desks.by_id["at"].notify
    assert (notify.rungs, notify.repeat_seconds) == ((Rung(0, ("duty", "mail", "topic")),), 86_400)


def test_a_secret_file_given_from_the_root_is_that_file(path: Path) -> None:
    edit(path, "secret_file: secrets/at.keys", "secret_file: /etc/referrals/at.keys")
    way = load(path.parent).desks.by_id["at"].notify.channels["duty"]
    assert isinstance(way, Webhook)
    assert way.secret_file == Path("/etc/referrals/at.keys")


def test_who_runs_the_system_is_told_as_a_desk_is(path: Path) -> None:
    edit(path, "\ndesks:\n", "\noperator: {notify: {channels: {topic: {kafka: true}}}}\ndesks:\n")
    assert load(path.parent).desks.operator == Notify(
        channels={"topic": DeskTopic("topic")}, rungs=(Rung(0, ("topic",)),)
    )


def test_who_asks_for_a_topic_gets_one_and_nobody_else(path: Path) -> None:
    edit(path, "\ndesks:\n", "\noperator: {notify: {channels: {topic: {kafka: true}}}}\ndesks:\n")
    configuration = load(path.parent)
    plan = {spec.name: spec for spec in topic_plan(configuration)}
    assert told_by_topic(configuration) == ("at", "operator")
    assert {name for name in plan if name.startswith("referral.notice.")} == {
        "referral.notice.v1",
        "referral.notice.at.v1",
        "referral.notice.operator.v1",
    }
    assert plan["referral.notice.at.v1"].partitions == 1
    assert told_by_topic(load(DEPLOY)) == ()


DUTY: Final = "webhook: http://10.1.2.3:8080/n"


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ("  at:\n", f"  {MARK}operator: {{name: O, forwarded_by: nl}}\n  at:\n", "a desk `operator`", "another name"),
        ("\ndesks:\n", f"\noperator: {MARK}{{notfy: {{}}}}\ndesks:\n", "`operator` without `notify`", "notify"),
        ("      time_zone: Europe/Vienna\n", "", "`quiet` and `digest` without `time_zone`", "time_zone: Europe"),
        ("Europe/Vienna", f"{MARK}Europe/Viena", "unknown time zone `Europe/Viena`", "`Europe/Vienna`"),
        ("Europe/Vienna", f"{MARK}../../etc/passwd", "unknown time zone", "IANA"),
        ("{from: 22:00,", f"{{from: {MARK}24:00,", "`24:00`", "`from`: a time of day"),
        ("{from: 22:00,", f"{{from: {MARK}10pm,", "`10pm`", "such as 08:30"),
        ('{from: 22:00, until: "07:00"}', f"{{from: 22:00, until: {MARK}22:00}}", "from and until 22:00", "two times"),
        ('{from: 22:00, until: "07:00"}', f"{MARK}{{from: 22:00}}", "`quiet` without `until`", "a line `until"),
        ('{from: 22:00, until: "07:00"}', f"{{from: 22:00, until: 07:00, {MARK}day: mo}}", "unknown field `day`", ""),
        ("digest: 08:30", f"digest: {MARK}8:30", "`8:30`", "`digest`: a time of day"),
        ("digest: 08:30", f"digest: {MARK}06:59", "`digest` at 06:59, within `quiet`", "outside the quiet hours"),
        ("report_numbers: true", f"report_numbers: {MARK}yes", "`yes`", "`true` or `false`"),
        ("      repeat: 4h", f"      repeat: {MARK}4", "`4`", "`repeat`: a whole number with"),
        ("      repeat: 4h", f"      {MARK}repaet: 4h", "unknown field `repaet` in `notify` of desk `at`", "`repeat`"),
        ("        duty: {", f"        {MARK}Duty 1: {{kafka: true}}\n        duty: {{", "the channel `Duty 1`", "a n"),
        ("{kafka: true}", f"{MARK}{{kafak: true}}", "channel `topic` of no known kind", "one of `webhook"),
        ("{kafka: true}", f"{MARK}kafka", "no `key: value` entries", "`kafka: true`"),
        ("{kafka: true}", f"{{kafka: {MARK}false}}", "that is not `true`", "or no line"),
        ("{kafka: true}", f"{MARK}{{kafka: true, email: [a@b.example]}}", "with `email` and `kafka`", "one of"),
        ("{kafka: true}", f"{{kafka: true, {MARK}networks: [10.0.0.0/8]}}", "unknown field `networks`", ""),
        (DUTY, f"webhook: {MARK}ftp://10.1.2.3/", "a URL with `ftp`", "`https`"),
        (DUTY, f"webhook: {MARK}10.1.2.3/n", "what is no URL", "https://"),
        (DUTY, f"webhook: {MARK}'https://'", "what is no URL", "https://"),
        (DUTY, f"webhook: {MARK}https://u:secret@h.example/", "a user or a password", "none"),
        (DUTY, f"webhook: {MARK}'https://h.example/#a'", "a fragment", "never sent"),
        (DUTY, f"webhook: {MARK}https://h.example:99999/", "what is no URL", "https://"),
        (DUTY, f"webhook: {MARK}'https://h.example/a b'", "what is no URL", "https://"),
        (DUTY, f"webhook: {MARK}'https://h\\.example/'", "what is no URL", "https://"),
        (DUTY, f"webhook: {MARK}'https://[::1/'", "what is no URL", "https://"),
        (", networks: [10.1.0.0/16, fd00:1::/32]", "", "a URL with `http`", "`https`; `http` only"),
        ("[10.1.0.0/16,", f"[{MARK}10.1.2.3/16,", "`10.1.2.3/16`", "without bits beyond"),
        ("[10.1.0.0/16,", f"[{MARK}10.1.2.3,", "`10.1.2.3`", "a network such as"),
        ("[10.1.0.0/16,", f"[{MARK}0.0.0.0/0,", "every address", "a network such as"),
        ("[10.1.0.0/16, fd00:1::/32]", f"{MARK}[]", "an empty list", "at least one"),
        ("secret_file: secrets/at.keys, ", f"{MARK}", "without `secret_file`", "secret_file: …"),
        ("[duty@police.example,", f"[{MARK}Duty <duty@police.example>,", "`Duty <duty", "without a name"),
        ("[duty@police.example,", f"[{MARK}duty,", "`duty`", "an address such as"),
        ("[duty@police.example,", f'[{MARK}"a@b.example\\nBcc: x@y.example",', "Bcc", "an address such as"),
        ("chief@police.example]", f"{MARK}duty@police.example]", "a second time", "once"),
        ("[duty, topic]}", f"[duty, {MARK}topik]}}", "unknown channel `topik`", "`topic`"),
        ("[duty, topic]}", f"[duty, topic, {MARK}duty]}}", "`duty` a second time", "once in a step"),
        ("        topic: {", f"        {MARK}spare: {{email: [a@b.example]}}\n        topic: {{", "no step", "a step"),
        ("        topic: {", f"        bus: {{kafka: true}}\n        {MARK}topic: {{", "a second channel with", "one"),
        ("after: 0s", f"after: {MARK}1m", "a first step that is not at once", "`after: 0s`"),
        ("after: 15m", f"after: {MARK}0s", "no later than the one before", "a later one"),
        ("after: 15m", f"after: {MARK}soon", "`soon`", "`after`: a whole number"),
        ("- {after: 15m, channels", f"- {MARK}{{channels", "a step of `ladder` without `after`", "after: …"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_line(path: Path, old: str, new: str, found: str, expected: str) -> None:
    if MARK not in new:
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
        problems = problems_of(path.parent)
        assert any(found in problem.found and expected in problem.expected for problem in problems)
        return
    line = edit(path, old, new)
    problems = problems_of(path.parent)
    assert [problem.line for problem in problems if found in problem.found and expected in problem.expected][:1] == [
        line
    ]


@pytest.mark.parametrize("channels", ["{}", "[duty]", "", "duty"])
def test_a_notify_without_a_channel_is_a_mistake(path: Path, channels: str) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace(WHOLE, f"  at: {{name: Austria, notify: {{channels: {channels}}}}}\n"), "utf-8")
    (problem,) = problems_of(path.parent)
    assert "channels" in problem.expected


def test_a_url_that_is_refused_is_not_shown(path: Path) -> None:
    """It may hold what lets anybody post there."""
    edit(path, DUTY, "webhook: https://user:hunter2@h.example/hunter2")
    assert "hunter2" not in "\n".join(map(str, problems_of(path.parent)))


def test_a_pace_file_changes_who_is_told_as_a_whole(path: Path) -> None:
    demo = path.parent / "demo"
    demo.mkdir()
    (demo / "pace.yaml").write_text(
        "like: ..\n"
        "operator: {notify: {channels: {mail: {email: [o@demo.example]}}}}\n"
        "desks:\n"
        "  at: {notify: {channels: {sink: {webhook: 'http://127.0.0.1:8099/at', secret_file: at.keys,"
        " networks: [127.0.0.0/8]}}}}\n"
        "  nl: {silent_after: 3s}\n"
    )
    table = load(demo).desks
    assert table.by_id["at"].notify == Notify(
        channels={"sink": Webhook("sink", "http://127.0.0.1:8099/at", demo / "at.keys", (ip_network("127.0.0.0/8"),))},
        rungs=(Rung(0, ("sink",)),),
    )
    assert table.operator.channels == {"mail": Email("mail", ("o@demo.example",))}
    assert table.by_id["nl"].notify == NOBODY


def test_a_mistake_of_a_pace_file_is_told_at_its_line(path: Path) -> None:
    demo = path.parent / "demo"
    demo.mkdir()
    (demo / "pace.yaml").write_text("like: ..\ndesks: {}\n")
    assert_one_problem_of_pace(demo / "pace.yaml")


def assert_one_problem_of_pace(pace: Path) -> None:
    new = f"desks:\n  at:\n    notify: {{channels: {{mail: {{email: {MARK}nobody}}}}}}\n"
    assert_one_problem(pace, "desks: {}\n", new, "`nobody`", "an address such as")


def test_the_example_beside_the_desks_is_one(tmp_path: Path) -> None:
    """Taken out of its comment, it is read as it stands."""
    file = copy_deploy(tmp_path) / "desks.yaml"
    text = file.read_text("utf-8")
    example = "".join(re.findall(r"^  #(   notify:\n(?:  #     .*\n)+)", text, re.MULTILINE)).replace("\n  #", "\n")
    assert example.count("\n") > 10
    edit(file, AUSTRIA, f"  at:\n    name: Austria\n {example}")
    operator = re.search(r"^# operator:\n(# .*\n)+", text, re.MULTILINE)
    assert operator is not None
    edit(file, operator[0], operator[0].replace("# ", ""))
    table = load(tmp_path).desks
    assert [rung.after_seconds for rung in table.by_id["at"].notify.rungs] == [0, 900]
    assert table.operator.channels.keys() == {"mail"}

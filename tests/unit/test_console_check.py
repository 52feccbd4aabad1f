"""`referrals check` and `referrals check-config`, from argument to exit code."""

from pathlib import Path
from shutil import copytree

from services.console.check_config import installed
from services.console.run_notifier import make_keys
from tests.console_command import referrals
from tests.samples import DEPLOY, as_json, envelope

PAST = {"submitted_at": "2025-03-01T12:00:00Z", "incident": {"type": "possession"}}
GOOD = as_json(envelope(**PAST))
BAD = as_json(envelope(**PAST, colour="red"))


def test_a_good_file_is_0(tmp_path: Path) -> None:
    file = tmp_path / "good.ndjson"
    file.write_bytes(GOOD + b"\n" + GOOD + b"\n")
    ran = referrals("check", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert "2 records in 1 file: 0 rejected" in ran.err


def test_a_bad_line_is_told_with_line_field_and_reason_and_the_rest_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(b"\n".join([GOOD, BAD, b"{", GOOD]))
    ran = referrals("check", str(file))
    first, second = ran.out.splitlines()
    assert ran.code == 1
    assert first.startswith(f"{file}:2: colour: unknown_field: ")
    assert second.startswith(f"{file}:3: invalid_json: ")
    assert "red" not in ran.out.replace(str(file), "") + ran.err


def test_json_is_a_line_for_each_record_that_is_wrong() -> None:
    ran = referrals("check", "--json", "-", stdin=GOOD + b"\n" + BAD)
    (answer,) = ran.documents()
    assert ran.code == 1
    assert (answer["file"], answer["line"], answer["result"], answer["reason"]) == (
        "stdin",
        2,
        "rejected",
        "unknown_field",
    )
    assert [problem["field"] for problem in answer["problems"]] == ["colour"]


def test_an_envelope_of_another_partner_is_wrong_when_the_partner_is_given() -> None:
    assert referrals("check", "-", stdin=GOOD).code == 0
    ran = referrals("check", "--partner", "inhope-nl", "-", stdin=GOOD)
    assert ran.code == 1
    assert "partner: partner_mismatch" in ran.out


def test_an_empty_export_is_no_success() -> None:
    ran = referrals("check", "-", stdin=b"")
    assert ran.code == 1
    assert "nothing to check" in ran.err


def test_a_document_may_span_lines() -> None:
    assert referrals("check", "-", stdin=GOOD.replace(b",", b",\n")).code == 0


def test_an_unknown_partner_is_wrong_use() -> None:
    ran = referrals("check", "--partner", "inhop-nl", "-", stdin=GOOD)
    assert ran.code == 2
    assert "inhope-nl" in ran.err


def test_a_terminal_is_safe_from_what_a_file_holds() -> None:
    ran = referrals("check", "-", stdin=as_json(envelope(**PAST, **{"\x1b[2J": 1})))
    assert ran.code == 1
    assert "\x1b" not in ran.out + ran.err


def test_the_configuration_of_the_project_would_start() -> None:
    ran = referrals("check-config", "--json", environment={"KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"})
    answer = ran.document()
    assert ran.code == 0, ran.err
    assert answer["problems"] == {"files": [], "settings": []}
    assert list(answer["services"]) == installed()
    assert answer["services"]["router"]["KAFKA_BOOTSTRAP_SERVERS"] == "kafka-1:9092"
    assert answer["services"]["router"]["REFERRAL_ROUTER_PORT"] == "9464"


def test_the_times_of_every_desk_are_told_each_set_of_them_once() -> None:
    answer = referrals("check-config", "--json").document()["configuration"]
    usual, *others = answer["times"]
    assert usual["urgent"] == "4h"
    assert {len(group["desks"]) for group in others} == {1}
    assert sum(len(group["desks"]) for group in answer["times"]) == answer["desks"]
    shown = referrals("check-config").out
    assert f"silent_after 7d, keep 730d, evidence 180d: {len(usual['desks'])} desks\n" in shown
    assert "times: urgent 1h, priority 2d, routine 30d, silent_after 2d, keep 730d, evidence 180d: zz\n" in shown
    assert "unreported: none\n" in shown


def test_the_configuration_of_the_demonstration_would_start(tmp_path: Path) -> None:
    copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "var").mkdir()
    make_keys(tmp_path / "var")  # as a run does
    ran = referrals("check-config", environment={"REFERRAL_CONFIG_DIR": str(tmp_path / "deploy" / "demo")})
    assert ran.code == 0, ran.err
    assert "unreported: bd, in, ph, pk\n" in ran.out
    assert "times: urgent 5s, " in ran.out


def test_a_problem_in_a_file_is_told_with_its_line_and_is_2(tmp_path: Path) -> None:
    for name in ("desks.yaml", "partners.yaml", "triage.yaml"):
        (tmp_path / name).write_text((DEPLOY / name).read_text())
    partners = tmp_path / "partners.yaml"
    partners.write_text(partners.read_text().replace("ingress_partitions: 4", "ingress_partitions: many"))
    line = partners.read_text().split("ingress_partitions: many")[0].count("\n") + 1
    ran = referrals("check-config", "--json", environment={"REFERRAL_CONFIG_DIR": str(tmp_path)})
    (problem,) = ran.document()["problems"]["files"]
    assert ran.code == 2
    assert problem["line"] == line
    assert f"partners.yaml:{line}: found" in ran.err


def test_who_is_told_is_said_and_a_secret_file_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    for name in ("desks.yaml", "partners.yaml", "triage.yaml"):
        (tmp_path / name).write_text((DEPLOY / name).read_text())
    notify = "notify: {channels: {duty: {webhook: 'https://h.example/', secret_file: at.keys}, bus: {kafka: true}}}"
    desks = tmp_path / "desks.yaml"
    desks.write_text(desks.read_text().replace("  at: {name: Austria}", f"  at: {{name: Austria, {notify}}}"))
    here = {"REFERRAL_CONFIG_DIR": str(tmp_path)}
    ran = referrals("check-config", environment=here)
    assert (ran.code, ran.err) == (
        2,
        f"{tmp_path}/at.keys: found no such file; expected the secret file that a webhook of desks.yaml names\n",
    )
    (tmp_path / "at.keys").write_text("open-sesame\n")
    ran = referrals("check-config", environment=here)
    assert ran.code == 2
    assert f"{tmp_path}/at.keys:1: found a line that is no key" in ran.err
    assert "open-sesame" not in ran.out + ran.err
    (tmp_path / "at.keys").write_text(f"whsec_{'c2VzYW1l' * 4}\n")
    ran = referrals("check-config", environment=here)
    assert ran.code == 0, ran.err
    assert "told: at (webhook, kafka)\n" in ran.out


def test_a_problem_in_a_services_settings_is_told_and_is_2() -> None:
    ran = referrals("check-config", environment={"REFERRAL_ROUTER_PORT": "many"})
    assert ran.code == 2
    assert "REFERRAL_ROUTER_PORT" in ran.err


def test_a_password_file_is_named_and_its_content_is_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("open-sesame\n")
    login = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "router",
        "KAFKA_SASL_PASSWORD_FILE": str(secret),
    }
    ran = referrals("check-config", environment=login)
    assert ran.code == 0, ran.err
    assert str(secret) in ran.out
    assert "open-sesame" not in ran.out + ran.err

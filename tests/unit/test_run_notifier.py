"""The notifier of a run: invented referrals reach nobody but the ends that the run plays itself."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from policy.configuration import Configuration, load
from policy.notify import Email, Notify, Webhook
from services.console.run_notifier import (
    KEYS,
    NotifierPort,
    SinkPorts,
    clear_database,
    make_keys,
    notifier_environment,
    require_sinks,
    sinks_environment,
    tells_anybody,
)
from services.runtime.exits import WrongUse
from services.runtime.webhook_keys import read_keys
from services.simulator.sinks.verification import read_trusted
from tests.samples import DEPLOY

SINKS = SinkPorts(9467, 9468)
PORT = NotifierPort("127.0.0.1", 9466)


def configured(operator: Notify) -> Configuration:
    found = load(DEPLOY)
    return replace(found, desks=replace(found.desks, operator=operator))


def hook(url: str, secret: Path) -> Notify:
    return Notify({"duty": Webhook("duty", url, secret)})


def test_the_demonstration_tells_the_ends_of_the_run_alone() -> None:
    demonstration = load(DEPLOY / "demo")
    assert tells_anybody(demonstration)
    require_sinks(demonstration, SINKS, DEPLOY.parent / "var")
    assert len(demonstration.desks.by_id["fr"].notify.rungs) == 3


@pytest.mark.parametrize(
    "url",
    ["https://duty.police.example/x", "http://127.0.0.1:9469/fr", "https://127.0.0.1:9467/", "http://[::1]:9467/"],
)
def test_a_webhook_that_leads_to_real_people_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(WrongUse, match=r"operator/duty.*invented"):
        require_sinks(configured(hook(url, tmp_path / KEYS)), SINKS, tmp_path)


def test_no_key_but_the_runs_own_signs(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9467/duty"
    require_sinks(configured(hook(url, tmp_path / "x" / ".." / KEYS)), SINKS, tmp_path)
    with pytest.raises(WrongUse, match=r"operator/duty.*key of its own"):
        require_sinks(configured(hook(url, tmp_path / "nl.keys")), SINKS, tmp_path)


def test_where_nobody_has_a_channel_nobody_is_told() -> None:
    assert not tells_anybody(load(DEPLOY))
    assert tells_anybody(configured(Notify({"mail": Email("mail", ("a@b.example",))})))


def test_the_key_is_made_once_for_its_owner_alone_and_both_ends_can_use_it(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    made = keys.read_text()
    assert make_keys(tmp_path).read_text() == made
    assert len(read_keys(keys).secrets) == len(read_keys(keys).private) == 1
    assert len(read_trusted(made.splitlines()).secrets) == 1


def test_mail_of_a_simulated_run_goes_nowhere_else_whatever_is_set() -> None:
    given = {
        "REFERRAL_NOTIFIER_SMTP_HOST": "mail.police.example",
        "REFERRAL_NOTIFIER_SMTP_USERNAME": "notifier",
        "REFERRAL_NOTIFIER_SMTP_PASSWORD_FILE": "secret",
        "REFERRAL_SINK_HOST": "0.0.0.0",
        "DATABASE_URL": "sqlite:///mine.db",
    }
    found = notifier_environment(given, PORT, SINKS, Path("var/notifier-x.db"))
    smtp = {name: value for name, value in found.items() if "SMTP" in name}
    assert smtp == {
        "REFERRAL_NOTIFIER_SMTP_HOST": "127.0.0.1",
        "REFERRAL_NOTIFIER_SMTP_PORT": "9468",
        "REFERRAL_NOTIFIER_SMTP_STARTTLS": "off",
        "REFERRAL_NOTIFIER_SMTP_FROM": "notifier@referrals.example",
    }
    assert found["DATABASE_URL"] == "sqlite:///var/notifier-x.db"
    assert found["REFERRAL_NOTIFIER_PUBLIC_URL"] == "http://127.0.0.1:9466"
    assert sinks_environment(given, SINKS, Path("k"))["REFERRAL_SINK_HOST"] == "127.0.0.1"
    shared = notifier_environment({"DATABASE_URL": "postgresql://db/x"}, PORT, SINKS, Path("var/n.db"))
    assert shared["DATABASE_URL"] == "postgresql://db/x"


def test_a_run_begins_without_the_ladders_of_the_one_before(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"n.db{suffix}").write_text("")
    clear_database(tmp_path / "n.db")
    assert list(tmp_path.iterdir()) == []
    clear_database(tmp_path / "n.db")

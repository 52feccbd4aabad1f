"""Settings: what is read, what is refused, and in which words."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from services.runtime.exits import WrongUse
from services.runtime.kafka import aiokafka_options, librdkafka_options
from services.runtime.settings import KafkaSettings, Settings, SharedSettings, document, read


class Clerk(Settings):
    model_config = SettingsConfigDict(env_prefix="REFERRAL_NOTIFIER_")

    port: int = 9466
    token: Annotated[SecretStr | None, Field(min_length=6)] = None


class Needy(Settings):
    model_config = SettingsConfigDict(env_prefix="REFERRAL_LEDGER_")

    desk: str


def test_a_variable_sets_its_field_and_the_rest_keeps_its_default() -> None:
    assert read(Clerk, {"REFERRAL_NOTIFIER_PORT": "0"}).port == 0
    assert read(Clerk, {}).port == 9466


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(Clerk, {"REFERRAL_NOTIFIER_PORT": ""}).port == 9466


def test_the_processes_own_environment_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFERRAL_NOTIFIER_PORT", "1")
    assert read(Clerk, {}).port == 9466
    assert Clerk().port == 9466


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        read(Clerk, {}).port = 1  # type: ignore[misc]


def test_a_value_that_does_not_hold_is_named_with_its_variable_and_what_was_found() -> None:
    with pytest.raises(WrongUse, match=r"^REFERRAL_NOTIFIER_PORT: found 'many'; .*integer"):
        read(Clerk, {"REFERRAL_NOTIFIER_PORT": "many"})


def test_a_missing_value_is_named_with_its_variable() -> None:
    with pytest.raises(WrongUse, match=r"^REFERRAL_LEDGER_DESK: field required"):
        read(Needy, {})


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("REFERRAL_NOTIFIER_PROT", "REFERRAL_NOTIFIER_PORT"),
        ("REFERRAL_CONFIG_DIRECTORY", "REFERRAL_CONFIG_DIR"),
        ("REFERRAL_ROUTR_PORT", "REFERRAL_ROUTER_PORT"),
    ],
)
def test_an_unknown_name_under_our_prefix_is_refused_with_the_nearest(variable: str, nearest: str) -> None:
    with pytest.raises(WrongUse) as refusal:
        read(Clerk, {variable: "x"})
    assert str(refusal.value) == f"{variable}: no setting has this name; the nearest is {nearest}"


def test_an_unknown_name_with_nothing_near_it_is_told_all_names() -> None:
    with pytest.raises(WrongUse, match=r"known are .*REFERRAL_CONFIG_DIR"):
        read(SharedSettings, {"REFERRAL_ZZZZZZZZZZZZZZZZZZZ": "x"})


def test_another_services_names_are_that_services_to_check() -> None:
    assert read(SharedSettings, {"REFERRAL_ROUTER_ANYTHING": "x"}).config_dir == Path("deploy")


def test_names_of_further_models_are_known_and_checked() -> None:
    assert read(Clerk, {"REFERRAL_LEDGER_DESK": "nl"}, also=(Needy,)).port == 9466
    with pytest.raises(WrongUse, match=r"the nearest is REFERRAL_LEDGER_DESK"):
        read(Clerk, {"REFERRAL_LEDGER_DESKS": "nl"}, also=(Needy,))


def test_foreign_variables_under_kafkas_prefix_pass_and_near_misses_do_not() -> None:
    read(KafkaSettings, {"KAFKA_HEAP_OPTS": "-Xmx1g", "KAFKA_HOME": "/opt"})
    with pytest.raises(WrongUse, match=r"KAFKA_BOOTSTRAP_SERVER: .*nearest is KAFKA_BOOTSTRAP_SERVERS"):
        read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVER": "a:1"})
    with pytest.raises(WrongUse, match=r"KAFKA_SASL_PASSWORD: .*nearest is KAFKA_SASL_PASSWORD_FILE"):
        read(KafkaSettings, {"KAFKA_SASL_PASSWORD": "hunter2"})


def test_a_secret_is_masked_and_never_quoted() -> None:
    settings = read(Clerk, {"REFERRAL_NOTIFIER_TOKEN": "hunter2"})
    assert settings.masked() == {"REFERRAL_NOTIFIER_PORT": "9466", "REFERRAL_NOTIFIER_TOKEN": "********"}
    assert "hunter2" not in repr(settings)
    with pytest.raises(WrongUse, match=r"^REFERRAL_NOTIFIER_TOKEN: ") as refusal:
        read(Clerk, {"REFERRAL_NOTIFIER_TOKEN": "swrdf"})
    assert "swrdf" not in str(refusal.value)


def test_what_is_not_set_is_shown_as_empty() -> None:
    assert read(Clerk, {}).masked()["REFERRAL_NOTIFIER_TOKEN"] == ""


def test_the_page_of_settings_names_every_variable_and_its_default() -> None:
    page = document(Clerk, Needy)
    assert "| `REFERRAL_NOTIFIER_PORT` | `9466` |" in page
    assert "| `REFERRAL_LEDGER_DESK` | required |" in page


@pytest.mark.parametrize("servers", ["kafka", "kafka:", "kafka:9092,", "a:1 b:2", ":9092"])
def test_servers_without_host_and_port_are_refused(servers: str) -> None:
    with pytest.raises(WrongUse, match=r"KAFKA_BOOTSTRAP_SERVERS: found"):
        read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": servers})


def test_a_login_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(WrongUse) as refusal:
        read(KafkaSettings, {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "router"})
    reason = "missing; KAFKA_SECURITY_PROTOCOL=SASL_SSL needs it"
    assert str(refusal.value).splitlines() == [
        f"KAFKA_SASL_MECHANISM: {reason}",
        f"KAFKA_SASL_PASSWORD_FILE: {reason}",
    ]


def test_an_unknown_protocol_is_told_the_known_ones() -> None:
    with pytest.raises(WrongUse, match=r"KAFKA_SECURITY_PROTOCOL: found 'TLS'.*'SASL_SSL'"):
        read(KafkaSettings, {"KAFKA_SECURITY_PROTOCOL": "TLS"})


def test_security_that_would_not_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    with pytest.raises(WrongUse, match=r"KAFKA_CA_FILE: set, but .*PLAINTEXT encrypts nothing"):
        read(KafkaSettings, {"KAFKA_CA_FILE": str(tmp_path / "ca.pem")})
    with pytest.raises(WrongUse, match=r"KAFKA_SASL_USERNAME: set, but .*PLAINTEXT does not log in"):
        read(KafkaSettings, {"KAFKA_SASL_USERNAME": "router"})


@pytest.mark.parametrize(
    ("given", "missing"), [("CERT", "KAFKA_KEY_FILE: missing"), ("KEY", "KAFKA_CERT_FILE: missing")]
)
def test_certificate_and_key_come_together(tmp_path: Path, given: str, missing: str) -> None:
    (tmp_path / "x.pem").touch()
    with pytest.raises(WrongUse, match=missing):
        read(KafkaSettings, {"KAFKA_SECURITY_PROTOCOL": "SSL", f"KAFKA_{given}_FILE": str(tmp_path / "x.pem")})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(WrongUse, match=r"KAFKA_CA_FILE: found 'gone.pem', expected a file"):
        read(KafkaSettings, {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": "gone.pem"})


def test_a_file_that_is_no_certificate_is_wrong_use_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hunter2")
    environment = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": str(tmp_path / "ca.pem")}
    with pytest.raises(WrongUse, match=r"cannot be used") as refusal:
        aiokafka_options(read(KafkaSettings, environment))
    assert "hunter2" not in str(refusal.value)


def login(directory: Path, password: str) -> KafkaSettings:
    file = directory / "password"
    file.write_text(password)
    return read(
        KafkaSettings,
        {
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "router",
            "KAFKA_SASL_PASSWORD_FILE": str(file),
        },
    )


def test_both_libraries_get_the_same_login(tmp_path: Path) -> None:
    settings = login(tmp_path, "hunter2\n")
    assert aiokafka_options(settings) == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "router",
        "sasl_plain_password": "hunter2",
    }
    assert librdkafka_options(settings) == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "router",
        "sasl.password": "hunter2",
    }
    assert "hunter2" not in repr(settings)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"KAFKA_SASL_PASSWORD_FILE: its first line is empty"):
        librdkafka_options(login(tmp_path, "\nhunter2"))

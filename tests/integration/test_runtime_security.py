"""TLS and logins against a real broker: the settings reach both client libraries, and a mistake is named."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka.admin import AdminClient

from services.runtime.broker import Cluster
from services.runtime.exits import CannotRun
from services.runtime.kafka import aiokafka_options, librdkafka_options, reach
from services.runtime.settings import KafkaSettings, read

PASSWORD = "hunter2-hunter2"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PLAIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_router="{PASSWORD}";'


def certify(directory: Path, name: str, authority: str | None = None, extension: str = "") -> None:
    """A P-256 key and certificate as `<name>.key` and `<name>.pem`, signed by `authority` or by itself."""
    signer = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key"] if authority else []
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *signer,
         "-addext", extension],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    certify(directory, "authority", extension="keyUsage=critical,keyCertSign,cRLSign")
    certify(directory, "stranger", extension="keyUsage=critical,keyCertSign,cRLSign")
    certify(directory, "broker", "authority", "subjectAltName=IP:127.0.0.1")
    certify(directory, "client", "authority", "extendedKeyUsage=clientAuth")
    (directory / "broker.both").write_bytes(
        (directory / "broker.key").read_bytes() + (directory / "broker.pem").read_bytes()
    )
    (directory / "password").write_text(PASSWORD + "\n")
    (directory / "wrong").write_text("wrong\n")
    return directory


@pytest.fixture(scope="module")
def secured(keys: Path) -> Iterator[Cluster]:
    """One broker with a listener of each kind; TLS asks for a client's certificate, BOTH for a login."""
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keys / "broker.both"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(keys / "authority.pem"),
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": PLAIN,
        "listener.name.both.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.both.scram-sha-512.sasl.jaas.config": SCRAM,
    }
    with Cluster(
        listeners={"TLS": "SSL", "LOGIN": "SASL_PLAINTEXT", "BOTH": "SASL_SSL"},
        extra=properties,
        format_arguments=["--add-scram", f"SCRAM-SHA-512=[name=router,password={PASSWORD}]"],
    ) as running:
        yield running


def environment(secured: Cluster, keys: Path, listener: str) -> dict[str, str]:
    tls = {"KAFKA_CA_FILE": str(keys / "authority.pem")}
    login = {"KAFKA_SASL_USERNAME": "router", "KAFKA_SASL_PASSWORD_FILE": str(keys / "password")}
    own: Mapping[str, Mapping[str, str]] = {
        "TLS": {
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_CERT_FILE": str(keys / "client.pem"),
            "KAFKA_KEY_FILE": str(keys / "client.key"),
            **tls,
        },
        "LOGIN": {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN", **login},
        "BOTH": {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", **tls, **login},
    }
    return {"KAFKA_BOOTSTRAP_SERVERS": secured.address(listener), **own[listener]}


@pytest.mark.parametrize("listener", ["TLS", "LOGIN", "BOTH"])
async def test_both_libraries_get_in(secured: Cluster, keys: Path, listener: str) -> None:
    settings = read(KafkaSettings, environment(secured, keys, listener))
    await reach(settings, timeout_s=20)
    consumer = AIOKafkaConsumer(**aiokafka_options(settings))
    await consumer.start()
    assert isinstance(await consumer.topics(), set)
    await consumer.stop()
    assert AdminClient({**librdkafka_options(settings)}).list_topics(timeout=20).brokers


@pytest.mark.parametrize(
    ("listener", "change", "said"),
    [
        ("LOGIN", {"KAFKA_SASL_PASSWORD_FILE": "wrong"}, "refused the login: check KAFKA_SASL_USERNAME"),
        ("BOTH", {"KAFKA_SASL_PASSWORD_FILE": "wrong"}, "refused the login: check KAFKA_SASL_USERNAME"),
        ("BOTH", {"KAFKA_CA_FILE": "stranger.pem"}, r"certificate that is not trusted .*KAFKA_CA_FILE"),
        ("LOGIN", {"KAFKA_SASL_MECHANISM": "=SCRAM-SHA-256"}, "does not offer this mechanism"),
        ("TLS", {"KAFKA_CERT_FILE": "=", "KAFKA_KEY_FILE": "="}, "out of reach"),
        ("BOTH", {"KAFKA_SECURITY_PROTOCOL": "=SASL_PLAINTEXT", "KAFKA_CA_FILE": "="}, "out of reach"),
    ],
)
async def test_a_mistake_is_named(
    secured: Cluster, keys: Path, listener: str, change: dict[str, str], said: str
) -> None:
    """`change` names files of `keys`, or after a `=` the value itself."""
    values = {k: v.removeprefix("=") if v.startswith("=") else str(keys / v) for k, v in change.items()}
    settings = read(KafkaSettings, environment(secured, keys, listener) | values)
    with pytest.raises(CannotRun, match=said) as refusal:
        await reach(settings, timeout_s=1)
    assert PASSWORD not in str(refusal.value)
    assert "\n" not in str(refusal.value)

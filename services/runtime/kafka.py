"""One set of settings, for both client libraries; and whether the cluster answers, asked before any work."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.helpers import create_ssl_context
from aiokafka.protocol.metadata import MetadataRequest

from services.runtime.exits import CannotRun, WrongUse
from services.runtime.settings import KafkaSettings

__all__ = ["KafkaSettings", "aiokafka_options", "librdkafka_options", "reach"]

_RETRY_S: Final = 0.2
_NEED = "everything here reads and writes there"
_ADVICE = "start it (`make run` brings one) or set KAFKA_BOOTSTRAP_SERVERS"


class _Refused(Exception):  # noqa: N818 - said as it reads
    """The cluster answered, and waiting will not change its answer."""


def aiokafka_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that aiokafka's consumer, producer and admin client all take."""
    protocol = settings.security_protocol
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": protocol.value,
    }
    if protocol.encrypts:
        options["ssl_context"] = _ssl_context(settings)
    if protocol.logs_in and settings.sasl_mechanism is not None:
        options["sasl_mechanism"] = settings.sasl_mechanism.value
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.password()
    return options


def librdkafka_options(settings: KafkaSettings) -> dict[str, str]:
    """The same for confluent-kafka. Host names are checked there too (librdkafka's default since 2.0)."""
    protocol = settings.security_protocol
    options = {"bootstrap.servers": settings.bootstrap_servers, "security.protocol": protocol.value}
    if protocol.encrypts:
        files = {
            "ssl.ca.location": settings.ca_file,
            "ssl.certificate.location": settings.cert_file,
            "ssl.key.location": settings.key_file,
        }
        options.update({name: str(path) for name, path in files.items() if path is not None})
    if protocol.logs_in and settings.sasl_mechanism is not None:
        options["sasl.mechanism"] = settings.sasl_mechanism.value
        options["sasl.username"] = settings.sasl_username or ""
        options["sasl.password"] = settings.password()
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.ca_file, certfile=settings.cert_file, keyfile=settings.key_file
        )
    except (OSError, ssl.SSLError) as error:
        names = "KAFKA_CA_FILE, KAFKA_CERT_FILE or KAFKA_KEY_FILE"
        reason = getattr(error, "reason", None) or type(error).__name__
        raise WrongUse(f"{names}: cannot be used ({reason}); expected PEM files that belong together") from None
    return context


async def reach(settings: KafkaSettings, timeout_s: float = 15.0) -> None:
    """Return once a server of the settings has answered and a broker it advertises can be connected to.

    Raises CannotRun: out of reach until `timeout_s` has passed, or at once where the cluster refuses
    the certificate, the mechanism or the password. WrongUse where a file of the settings cannot be used.
    """
    options = aiokafka_options(settings)
    servers = [_host_and_port(server) for server in options.pop("bootstrap_servers").split(",")]
    reason = "no answer"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                for host, port in servers:
                    try:
                        return await _ask(host, port, timeout_s, options)
                    except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
                        reason = _why(error)
                await asyncio.sleep(_RETRY_S)
    except _Refused as refusal:
        raise CannotRun(f"Kafka at {settings.bootstrap_servers} {refusal}") from None
    except TimeoutError:
        text = f"Kafka at {settings.bootstrap_servers} is out of reach ({reason}, {timeout_s:g} s)"
        raise CannotRun(f"{text}: {_NEED}; {_ADVICE}") from None


async def _ask(host: str, port: int, timeout_s: float, options: dict[str, Any]) -> None:
    async with _connection(host, port, timeout_s, options) as connection:
        metadata = await connection.send(MetadataRequest([]))
    advertised = [(broker[1], broker[2]) for broker in metadata.brokers]
    reason = "it names no broker"
    for place in advertised:
        try:
            async with _connection(*place, timeout_s / 2, options):
                return
        except (OSError, KafkaError, TimeoutError) as error:
            reason = f"{place[0]}:{place[1]}, which it advertises: {_why(error)}"
    raise ConnectionError(reason)


@contextlib.asynccontextmanager
async def _connection(
    host: str, port: int, timeout_s: float, options: dict[str, Any]
) -> AsyncIterator[AIOKafkaConnection]:
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(timeout_s * 1000), **options)
    except ssl.SSLCertVerificationError as error:
        raise _Refused(
            f"has a certificate that is not trusted ({error.verify_message}): KAFKA_CA_FILE must hold "
            "its authority, and the host name must be one the certificate names"
        ) from None
    except UnsupportedSaslMechanismError:
        raise _Refused("does not offer this mechanism: set KAFKA_SASL_MECHANISM to one it does") from None
    except (SaslAuthenticationFailed, IllegalSaslStateError):
        raise _Refused(
            "refused the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD_FILE and KAFKA_SASL_MECHANISM"
        ) from None
    try:
        yield connection
    finally:
        connection.close()


def _host_and_port(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host, int(port)


def _why(error: BaseException) -> str:
    """Words of ours for an error; those of ConnectionError above are ours already."""
    if type(error) is ConnectionError:
        return str(error)
    if isinstance(error, ssl.SSLError):
        return "the TLS handshake failed: is that listener TLS, and KAFKA_SECURITY_PROTOCOL right?"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return type(error).__name__

"""The settings that all services share, and those that say where Kafka is and how to log in."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.environment import Settings, SharedSettings, document, read
from services.runtime.exits import WrongUse

__all__ = ["KafkaSettings", "Mechanism", "Protocol", "Settings", "SharedSettings", "document", "read"]

SERVERS_PATTERN: Final = r"^[^\s,:]+:[0-9]{1,5}(,[^\s,:]+:[0-9]{1,5})*$"


class Protocol(StrEnum):
    """What a listener speaks; Kafka's own names."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypts(self) -> bool:
        """True where TLS is used."""
        return self in (Protocol.SSL, Protocol.SASL_SSL)

    @property
    def logs_in(self) -> bool:
        """True where a user name and a password are sent."""
        return self in (Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL)


class Mechanism(StrEnum):
    """How the password is proven; those that both client libraries know without Kerberos or tokens."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaSettings(Settings):
    """Where the cluster is and how to log in. A password stands in a file, never in the environment."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: Annotated[
        str, Field(pattern=SERVERS_PATTERN, description="host:port, several with commas between")
    ] = "127.0.0.1:9092"
    security_protocol: Annotated[Protocol, Field(description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")] = (
        Protocol.PLAINTEXT
    )
    sasl_mechanism: Annotated[Mechanism | None, Field(description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")] = None
    sasl_username: Annotated[str | None, Field(description="who logs in")] = None
    sasl_password_file: Annotated[Path | None, Field(description="file whose first line is the password")] = None
    ca_file: Annotated[
        Path | None, Field(description="PEM of the authority to trust; the system's own when not set")
    ] = None
    cert_file: Annotated[Path | None, Field(description="PEM of this client's certificate, with its chain")] = None
    key_file: Annotated[Path | None, Field(description="PEM of that certificate's key, without a pass phrase")] = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if problems := [*self._login_problems(), *self._tls_problems(), *self._file_problems()]:
            raise ValueError("\n".join(problems))
        return self

    def _login_problems(self) -> list[str]:
        named = {
            "KAFKA_SASL_MECHANISM": self.sasl_mechanism,
            "KAFKA_SASL_USERNAME": self.sasl_username,
            "KAFKA_SASL_PASSWORD_FILE": self.sasl_password_file,
        }
        if self.security_protocol.logs_in:
            return [
                f"{name}: missing; KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs it"
                for name, value in named.items()
                if value is None
            ]
        return [
            f"{name}: set, but KAFKA_SECURITY_PROTOCOL={self.security_protocol} does not log in; "
            "SASL_SSL would (SASL_PLAINTEXT without encryption)"
            for name, value in named.items()
            if value is not None
        ]

    def _tls_problems(self) -> list[str]:
        named = {
            "KAFKA_CA_FILE": self.ca_file,
            "KAFKA_CERT_FILE": self.cert_file,
            "KAFKA_KEY_FILE": self.key_file,
        }
        if not self.security_protocol.encrypts:
            return [
                f"{name}: set, but KAFKA_SECURITY_PROTOCOL={self.security_protocol} encrypts nothing; "
                "SSL or SASL_SSL would"
                for name, value in named.items()
                if value is not None
            ]
        if self.cert_file is not None and self.key_file is None:
            return ["KAFKA_KEY_FILE: missing; KAFKA_CERT_FILE is set and its key belongs to it"]
        if self.key_file is not None and self.cert_file is None:
            return ["KAFKA_CERT_FILE: missing; KAFKA_KEY_FILE is set and its certificate belongs to it"]
        return []

    def _file_problems(self) -> list[str]:
        named = {
            "KAFKA_SASL_PASSWORD_FILE": self.sasl_password_file,
            "KAFKA_CA_FILE": self.ca_file,
            "KAFKA_CERT_FILE": self.cert_file,
            "KAFKA_KEY_FILE": self.key_file,
        }
        return [
            f"{name}: found {str(path)!r}, expected a file that can be read"
            for name, path in named.items()
            if path is not None and not path.is_file()
        ]

    def password(self) -> str:
        """The first line of the password file. WrongUse when it is empty or cannot be read."""
        path = self.sasl_password_file
        try:
            text = path.read_text(encoding="utf-8") if path is not None else ""
        except (OSError, UnicodeDecodeError) as error:
            reason = type(error).__name__
            raise WrongUse(f"KAFKA_SASL_PASSWORD_FILE: cannot be read as UTF-8 text ({reason})") from None
        lines = text.splitlines()
        if not lines or not lines[0]:
            raise WrongUse("KAFKA_SASL_PASSWORD_FILE: its first line is empty, expected the password")
        return lines[0]

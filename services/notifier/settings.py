"""What a notifier is asked to do."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from policy.notify_fields import MAILBOX
from services.notifier.database import DEFAULT_URL
from services.runtime.settings import Settings


class StartTls(StrEnum):
    """Whether mail is encrypted on its way to the server."""

    REQUIRED = "required"
    OFF = "off"


class NotifierSettings(Settings):
    """Where it listens and keeps its tables, where it can be answered, and how it sends mail."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_NOTIFIER_")

    host: str = Field("127.0.0.1", description="where metrics, health, the page and answers are served")
    port: Annotated[int, Field(ge=0, le=65535, description="0 takes a free one")] = 9466
    token_file: Annotated[
        Path | None,
        Field(description="file whose first line is the token for page and API; required where `host` is not loopback"),
    ] = None
    public_url: Annotated[
        str,
        Field(
            pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$",
            max_length=200,
            description="where those who are told reach it to answer, with a path where a proxy takes one away; "
            "stands in every message",
        ),
    ] = "http://127.0.0.1:9466"
    database_url: SecretStr = Field(
        SecretStr(DEFAULT_URL), validation_alias="DATABASE_URL", description="sqlite:///path or postgresql://…"
    )
    smtp_host: Annotated[str | None, Field(description="mail server; a must where a desk has an e-mail channel")] = None
    smtp_port: Annotated[int, Field(ge=1, le=65535, description="its port")] = 587
    smtp_starttls: Annotated[StartTls, Field(description="required or off")] = StartTls.REQUIRED
    smtp_username: Annotated[str | None, Field(description="who logs in there; nobody does when not set")] = None
    smtp_password_file: Annotated[Path | None, Field(description="file whose first line is the password")] = None
    smtp_from: Annotated[str | None, Field(description="the sender's bare address")] = None

    @field_validator("smtp_from")
    @classmethod
    def _check_sender(cls, address: str | None) -> str | None:
        if address is not None and not MAILBOX.fullmatch(address):
            raise ValueError("expected an address such as referrals@police.example, in ASCII and without a name")
        return address

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        problems = []
        if (self.smtp_username is None) != (self.smtp_password_file is None):
            problems.append("REFERRAL_NOTIFIER_SMTP_USERNAME and …_SMTP_PASSWORD_FILE: expected both or none")
        if self.smtp_host is not None and self.smtp_from is None:
            problems.append("REFERRAL_NOTIFIER_SMTP_FROM: missing; mail needs a sender's address")
        if self.smtp_username is not None and self.smtp_starttls is not StartTls.REQUIRED:
            problems.append(
                f"REFERRAL_NOTIFIER_SMTP_STARTTLS: found {self.smtp_starttls}, expected required: a password is sent "
                "only over TLS"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

"""What a ledger is asked to do."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.ledger.database import DEFAULT_URL
from services.runtime.exits import WrongUse
from services.runtime.settings import Settings


class LedgerSettings(Settings):
    """Where it listens and keeps its tables, and whose entries it holds."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_LEDGER_")

    host: str = Field("127.0.0.1", description="where metrics, health and the page are served")
    port: Annotated[int, Field(ge=0, le=65535, description="0 takes a free one")] = 9465
    token_file: Annotated[
        Path | None,
        Field(description="file whose first line is the token for page and API; required where `host` is not loopback"),
    ] = None
    desks: Annotated[str, Field(description="the desks it holds, with commas between; `all` for every one")] = "all"
    track: Annotated[str, Field(description="desks whose national steps it may read, with commas between")] = ""
    slot_seconds: Annotated[
        int, Field(ge=1, le=86_400, description="width of a tally's span of arrival; fixed for the life of a database")
    ] = 3600
    database_url: SecretStr = Field(
        SecretStr(DEFAULT_URL), validation_alias="DATABASE_URL", description="sqlite:///path or postgresql://…"
    )

    @field_validator("desks", "track")
    @classmethod
    def _listed(cls, text: str) -> str:
        return ",".join(filter(None, (part.strip() for part in text.split(","))))

    @field_validator("desks")
    @classmethod
    def _some(cls, listed: str) -> str:
        if not listed:
            raise ValueError("it names no desk; expected `all`, or desks of desks.yaml with commas between")
        return listed

    def chosen(self, known: frozenset[str]) -> frozenset[str]:
        """The desks it holds. WrongUse names one that the desk table does not have."""
        return known if self.desks == "all" else _known("REFERRAL_LEDGER_DESKS", self.desks, known)

    def tracked(self, known: frozenset[str]) -> frozenset[str]:
        """The desks whose track topics it may read. WrongUse as above."""
        return _known("REFERRAL_LEDGER_TRACK", self.track, known)


def _known(variable: str, text: str, known: frozenset[str]) -> frozenset[str]:
    named = frozenset(filter(None, text.split(",")))
    if strange := sorted(named - known):
        raise WrongUse(f"{variable}: no desk {strange[0]!r} in desks.yaml")
    return named

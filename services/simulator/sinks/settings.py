"""The sinks' settings (REFERRAL_SINK_…), and the permission that the simulator needs too."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings
from services.simulator.settings import PERMISSION
from services.simulator.sinks.webhook import Misbehaviour

Share = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=0, le=65535)]


class SinkSettings(Settings):
    """Where they listen, which keys they trust, how they misbehave."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_SINK_")

    simulate: bool = Field(False, validation_alias=PERMISSION, description="must be 1: a desk's end is not played here")
    host: str = Field("127.0.0.1", description="address to listen on")
    webhook_port: Port = Field(0, description="port of the webhook server; 0 is a free one, which the first line names")
    mail_port: Port = Field(0, description="port of the mail server, likewise")
    key_file: Path | None = Field(None, description="secret file that signs; without it nothing is verified")
    fail: Share = Field(0, description="share of webhooks answered with 500")
    busy: Share = Field(0, description="share answered with 429 and Retry-After: 1")
    gone: Share = Field(0, description="share answered with 410")
    redirect: Share = Field(0, description="share answered with 301")
    delay: float = Field(0, ge=0, le=3600, description="seconds before each answer to a webhook")
    seed: int = Field(0, ge=0, description="which of them fail, repeatably")
    refuse_recipient: str | None = Field(None, description="an address for which no mail is taken")

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.fail + self.busy + self.gone + self.redirect > 1:
            raise ValueError("REFERRAL_SINK_FAIL, _BUSY, _GONE and _REDIRECT: more than 1 together, expected shares")
        return self

    def misbehaviour(self) -> Misbehaviour:
        """The shares as one value."""
        return Misbehaviour(self.fail, self.busy, self.gone, self.redirect, self.delay)

"""What a run is asked to do. Short names, because a person types them: `make run RATE=500 DURATION=60`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.exits import WrongUse
from services.runtime.kafka import KafkaSettings
from services.runtime.settings import Settings, SharedSettings, read

OWN_CLUSTER: Final = "KAFKA_BOOTSTRAP_SERVERS"
BROKER_PORT: Final = "REFERRAL_CONSOLE_BROKER_PORT"
ROUTER_PORT: Final = "REFERRAL_ROUTER_PORT"
LEDGER_PORT: Final = "REFERRAL_LEDGER_PORT"
NOTIFIER_PORT: Final = "REFERRAL_NOTIFIER_PORT"
SINK_WEBHOOK_PORT: Final = "REFERRAL_SINK_WEBHOOK_PORT"
SINK_MAIL_PORT: Final = "REFERRAL_SINK_MAIL_PORT"
CONFIGURATION: Final = "REFERRAL_CONFIG_DIR"
SIMULATOR_RATE: Final = "REFERRAL_SIMULATOR_RATE"
RATE: Final = 250
"""Simulated records a second where nobody says how many: broker, services, desks and a Prometheus took 1.5 to 1.8 of
two cores with it."""
DIRECTORY: Final = Path("var")
DEMONSTRATION: Final = Path("deploy/demo")
"""The same desks with seconds for weeks: what is simulated is watched."""


class RunSettings(Settings):
    """How long, how much, and where to listen."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_CONSOLE_")

    duration: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description="seconds from ready until it ends by itself")
    ] = Field(None, validation_alias="DURATION")
    rate: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description=f"simulated records a second, {RATE} when not given")
    ] = Field(None, validation_alias="RATE")
    year: Annotated[int | None, Field(ge=2019, le=2023, description="whose shares by country are simulated")] = Field(
        None, validation_alias="YEAR"
    )
    simulate: Annotated[
        bool | None, Field(description="publish invented referrals; 1 where the broker is our own, else 0")
    ] = Field(None, validation_alias="SIMULATE")
    broker_port: Annotated[int, Field(ge=1, le=65535, description="where our own broker listens")] = 9092
    router_host: str = Field("127.0.0.1", validation_alias="REFERRAL_ROUTER_HOST")
    router_port: Annotated[int, Field(ge=0, le=65535)] = Field(9464, validation_alias=ROUTER_PORT)
    ledger_host: str = Field("127.0.0.1", validation_alias="REFERRAL_LEDGER_HOST")
    ledger_port: Annotated[int, Field(ge=0, le=65535)] = Field(9465, validation_alias=LEDGER_PORT)
    ledger_token_file: Path | None = Field(None, validation_alias="REFERRAL_LEDGER_TOKEN_FILE")
    notifier_host: str = Field("127.0.0.1", validation_alias="REFERRAL_NOTIFIER_HOST")
    notifier_port: Annotated[int, Field(ge=0, le=65535)] = Field(9466, validation_alias=NOTIFIER_PORT)
    notifier_token_file: Path | None = Field(None, validation_alias="REFERRAL_NOTIFIER_TOKEN_FILE")
    sink_webhook_port: Annotated[
        int, Field(ge=1, le=65535, description="where the desks' ends of webhooks listen; their URLs name it")
    ] = Field(9467, validation_alias=SINK_WEBHOOK_PORT)
    sink_mail_port: Annotated[int, Field(ge=1, le=65535, description="where their mail server does")] = Field(
        9468, validation_alias=SINK_MAIL_PORT
    )


def read_settings(environment: Mapping[str, str]) -> tuple[RunSettings, bool]:
    """The settings, and whether the broker is to be our own. WrongUse for what does not hold together."""
    settings = read(RunSettings, environment, also=(KafkaSettings, SharedSettings))
    own_broker = not environment.get(OWN_CLUSTER)
    stray = sorted(name for name in KafkaSettings.variables() if own_broker and environment.get(name))
    if stray:
        raise WrongUse(
            f"{stray[0]}: set, but {OWN_CLUSTER} is not, and the broker started here needs no log-in; "
            f"name the cluster with {OWN_CLUSTER}=host:port, or leave {stray[0]} out"
        )
    return settings, own_broker


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the cluster, the ports of the services, the configuration."""

    bootstrap: str
    router_port: int
    ledger_port: int
    notifier_port: int
    config_dir: Path


def configuration_place(environment: Mapping[str, str], simulate: bool) -> Path:
    """The directory that is set; else that of the demonstration where it is there and something is simulated."""
    if given := environment.get(CONFIGURATION):
        return Path(given)
    return DEMONSTRATION if simulate and DEMONSTRATION.is_dir() else SharedSettings().config_dir


def for_children(environment: Mapping[str, str], settings: RunSettings, places: Places) -> dict[str, str]:
    """The environment of everything that is started: ours, and what was settled here."""
    settled = {
        OWN_CLUSTER: places.bootstrap,
        ROUTER_PORT: str(places.router_port),
        LEDGER_PORT: str(places.ledger_port),
        NOTIFIER_PORT: str(places.notifier_port),
        CONFIGURATION: str(places.config_dir),
        "SIMULATE": "1",
    }
    if settings.rate is not None:
        settled[SIMULATOR_RATE] = str(settings.rate)
    elif not environment.get(SIMULATOR_RATE):
        settled[SIMULATOR_RATE] = str(RATE)
    if settings.year is not None:
        settled["REFERRAL_SIMULATOR_YEAR"] = str(settings.year)
    return {**environment, **settled}

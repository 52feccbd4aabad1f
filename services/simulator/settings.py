"""The simulator's settings (REFERRAL_SIMULATOR_…), and the one that permits it to publish at all."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.exits import WrongUse
from services.runtime.settings import Settings
from services.simulator.envelopes import EARLIEST_MS
from services.simulator.mix import Mix
from services.simulator.world import YEARS

PERMISSION: Final = "SIMULATE"

Share = Annotated[float, Field(ge=0, le=1)]
_MIX: Final = Mix()


class SimulatorSettings(Settings):
    """How much, how fast, and what of it is out of the ordinary. `Mix` says what each share means."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_SIMULATOR_")

    simulate: bool = Field(
        False,
        validation_alias=PERMISSION,
        description="must be 1: real desks must never get invented referrals; `referrals run` sets it",
    )
    rate: float = Field(1000, ge=0, description="records a second; 0 is as fast as the broker takes them")
    count: int = Field(0, ge=0, description="ends after so many records; 0 is without end")
    duration: float = Field(0, ge=0, description="ends after so many seconds; 0 is without end")
    year: int = Field(2023, ge=YEARS[0], le=YEARS[-1], description="whose shares by country")
    seed: int | None = Field(None, ge=0, description="repeats a run; without it, the summary names the one it took")
    start_ms: int | None = Field(
        None,
        ge=EARLIEST_MS,
        description="Unix time at which the clock stands still; without it, the real one runs",
    )
    topics: str = Field("", description="partner=topic, several with commas between, in place of the ingress topics")
    flush_timeout: float = Field(8, gt=0, description="seconds to wait for the last acknowledgements")
    only_good: bool = Field(False, description="nothing but new, good referrals: every share of another kind is 0")
    duplicates: Share = Field(_MIX.duplicates, description="share of exact repetitions, half with a new submitted_at")
    conflicts: Share = Field(_MIX.conflicts, description="share of identities sent again with other content")
    amendments: Share = Field(_MIX.amendments, description="share of amended revisions")
    withdrawals: Share = Field(_MIX.withdrawals, description="share of withdrawn reports")
    bad: Share = Field(_MIX.bad, description="share of records that must be rejected, every reason alike")
    corrected: Share = Field(_MIX.corrected, description="of the bad ones, those sent again without their flaw")
    misplaced: Share = Field(_MIX.misplaced, description="share in another partition than the key says")
    late: Share = Field(_MIX.late, description="of the new ones, those about things long past")
    drifted: Share = Field(_MIX.drifted, description="of the new ones, those from a clock that is wrong")
    urgent: Share = Field(_MIX.urgent, description="share that claims urgency")
    informational: Share = Field(_MIX.informational, description="share that only informs")
    headers: Share = Field(_MIX.headers, description="share with CloudEvents headers")
    hotlines: Share = Field(_MIX.hotlines, description="share of all partners but the world's clearing house")
    memory: int = Field(_MIX.memory, ge=1, description="referrals kept to be repeated, amended or withdrawn")

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        self.mix()
        self.topic_by_partner()
        return self

    def mix(self) -> Mix:
        """The shares as one value. Raises ValueError when they make more than all records."""
        if self.only_good:
            return Mix.good(self.urgent, self.informational, self.headers, self.hotlines)
        return Mix(**{name: getattr(self, name) for name in Mix.__dataclass_fields__})

    def topic_by_partner(self) -> dict[str, str]:
        """Where to publish instead of the partner's ingress topic."""
        pairs = [pair.partition("=") for pair in self.topics.split(",") if pair]
        if any(not partner or not topic for partner, _, topic in pairs):
            raise ValueError("REFERRAL_SIMULATOR_TOPICS: expected partner=topic, several with commas between")
        return {partner: topic for partner, _, topic in pairs}


def permit(simulate: bool) -> None:
    """Raises WrongUse without the permission to publish referrals that are not real."""
    if not simulate:
        raise WrongUse(
            f"{PERMISSION}: not set; the simulator publishes invented referrals, and no real desk may get any: "
            f"set {PERMISSION}=1 where nobody works what it sends"
        )

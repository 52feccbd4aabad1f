"""The router's settings (REFERRAL_ROUTER_…)."""

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class RouterSettings(Settings):
    """Where it listens, and how it writes."""

    model_config = SettingsConfigDict(env_prefix="REFERRAL_ROUTER_")

    host: str = Field("127.0.0.1", description="address of the metrics and health port")
    port: int = Field(9464, ge=0, le=65535, description="its number; 0 takes a free one")
    compression: Literal["snappy", "zstd", "lz4", "gzip", "none"] = Field(
        "snappy", description="codec of queues, receipts and seen-log"
    )
    fetch_bytes: int = Field(
        512 * 1024,
        ge=64 * 1024,
        le=4 * 1024 * 1024,
        description="most that is read of a partition at once",
    )
    transaction_records: int = Field(
        10_000, ge=1, le=100_000, description="ingress records after which a transaction takes no more"
    )

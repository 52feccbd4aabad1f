"""The envelope: all that is passed on of a referral. Closed, at most 16 KiB, no field that could carry free text."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes import (
    Action,
    Basis,
    IdentifierKind,
    IncidentType,
    Indicator,
    PartnerClass,
    Role,
    Subject,
    Urgency,
)

MAX_BYTES: Final = 16 * 1024
MAX_JURISDICTIONS: Final = 16
MAX_IDENTIFIERS: Final = 64
MAX_REVISION: Final = 1_000_000
REPORT_PATTERN: Final = r"^[A-Za-z0-9-]{1,48}$"
SLUG_PATTERN: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
TIME_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"

Slug = Annotated[str, Field(pattern=SLUG_PATTERN, max_length=32)]
Version = Annotated[int, Field(ge=1, le=1)]
"""Not `Literal[1]`: to that, `true` and `1.0` are 1."""
Report = Annotated[str, Field(pattern=REPORT_PATTERN, description="The partner's own number of the report")]
Revision = Annotated[int, Field(ge=1, le=MAX_REVISION)]
Time = Annotated[str, Field(pattern=TIME_PATTERN, description="RFC 3339 with an offset")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2; ZZ is unknown")]
KeyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Hmac = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="HMAC-SHA256 of the normalised identifier")]
Count = Annotated[int, Field(ge=0, le=100_000_000)]


class Contract(BaseModel):
    """Closed, frozen and strict: an unknown field or a number in a string is an error, which quotes no input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Incident(Contract):
    """What happened, and when."""

    type: IncidentType
    occurred_at: Time | None = None


class Jurisdiction(Contract):
    """One country, what it has to do with the report, and how the partner knows."""

    country: CountryCode
    role: Role
    basis: Basis
    verified: bool = False


class Classification(Contract):
    """Files of each industry class (A: prepubescent, B: pubescent; 1: sex act, 2: lascivious exhibition)."""

    A1: Count = 0
    A2: Count = 0
    B1: Count = 0
    B2: Count = 0


class Material(Contract):
    """How many files, how many of them known before, and of which class."""

    images: Count = 0
    videos: Count = 0
    other: Count = 0
    known_images: Count = 0
    known_videos: Count = 0
    classification: Classification | None = None


class Identifier(Contract):
    """One keyed hash; `captured_at` is when the partner saw what is behind it: evidence dies from there."""

    kind: IdentifierKind
    subject: Subject
    key_id: KeyId
    hmac_sha256: Hmac
    captured_at: Time | None = None
    port_known: bool = False
    possible_proxy: bool = False


class Envelope(Contract):
    """Version 1. (partner, report, revision) is the identity. `submitted_at` stands first: the digest leaves it out."""

    submitted_at: Time
    schema_version: Version
    partner: Slug
    report: Report
    revision: Revision
    action: Action
    partner_class: PartnerClass
    urgency: Urgency
    incident: Incident
    jurisdictions: Annotated[list[Jurisdiction], Field(min_length=1, max_length=MAX_JURISDICTIONS)]
    report_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    expires_at: Time | None = None
    indicators: Annotated[list[Indicator], Field(max_length=32, default_factory=list)]
    material: Material | None = None
    identifiers: Annotated[list[Identifier], Field(max_length=MAX_IDENTIFIERS, default_factory=list)]

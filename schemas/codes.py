"""Every closed list of codes. A code is at once the field's value, the metric's label and the log's key."""

from enum import StrEnum
from operator import attrgetter


class Code(StrEnum):
    """A code of a closed list; a text as well."""


# The standard `value` is a Python function, called fourteen times when an envelope is serialised: this one is C.
setattr(Code, "value", property(attrgetter("_value_")))  # noqa: B010 - in the class it would be a member


class Action(Code):
    """What an envelope does to the report it names."""

    NEW = "new"
    AMEND = "amend"
    WITHDRAW = "withdraw"


class PartnerClass(Code):
    """Whether the partner expects work (referral) or only informs."""

    REFERRAL = "referral"
    INFORMATIONAL = "informational"


class Urgency(Code):
    """The partner's claim; `urgent` is always honoured, the others are the policy's to judge."""

    URGENT = "urgent"
    PRIORITY = "priority"
    ROUTINE = "routine"
    UNSPECIFIED = "unspecified"


class Lane(Code):
    """The three queues of a desk, gravest first."""

    URGENT = "urgent"
    PRIORITY = "priority"
    ROUTINE = "routine"


class Role(Code):
    """What happened in a country, or who is there."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    UNSPECIFIED = "unspecified"
    HOSTING = "hosting"
    VICTIM = "victim"


class Basis(Code):
    """How the partner knows the country."""

    IP_GEOLOCATION = "ip_geolocation"
    ACCOUNT_DATA = "account_data"
    PHONE_PREFIX = "phone_prefix"
    HOSTING_PROVIDER = "hosting_provider"
    INVESTIGATION = "investigation"


class IncidentType(Code):
    """What the report is about."""

    CSAM_UNSPECIFIED = "csam_unspecified"
    POSSESSION = "possession"
    PRODUCTION = "production"
    DISTRIBUTION = "distribution"
    SOLICITATION = "solicitation"
    SEXTORTION = "sextortion"
    TRAFFICKING = "trafficking"
    TOURISM = "tourism"
    MOLESTATION = "molestation"
    OTHER = "other"


class Indicator(Code):
    """What the partner saw that bears on gravity."""

    CHILD_IN_DANGER = "child_in_danger"
    RECENT_ABUSE = "recent_abuse"
    PRODUCTION = "production"
    NETWORK = "network"
    WORKS_WITH_CHILDREN = "works_with_children"
    REPEAT = "repeat"
    SHARED_CONNECTION = "shared_connection"
    SEXTORTION = "sextortion"
    SOLICITATION = "solicitation"
    MINOR_TO_MINOR = "minor_to_minor"
    KNOWN_MATERIAL = "known_material"
    VIRAL = "viral"
    LIVE_STREAM = "live_stream"
    SELF_GENERATED = "self_generated"
    GENERATED_BY_AI = "generated_by_ai"
    INFANT_OR_TODDLER = "infant_or_toddler"


class IdentifierKind(Code):
    """What was hashed; decides its normalisation (schemas.identifiers)."""

    IP_ADDRESS = "ip_address"
    ACCOUNT = "account"
    EMAIL = "email"
    PHONE = "phone"
    DEVICE = "device"
    FILE_SET = "file_set"


class Subject(Code):
    """Whom an identifier belongs to; never mixed when matching."""

    SUSPECT = "suspect"
    VICTIM = "victim"
    RECIPIENT = "recipient"
    OTHER = "other"
    UNKNOWN = "unknown"


class Outcome(Code):
    """What became of one ingress record: exactly one of these, each with a receipt."""

    ROUTED = "routed"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    UNROUTABLE = "unroutable"


class RejectReason(Code):
    """Why a record was rejected. Bytes are judged first, then JSON, fields, context, countries, times and keys.

    Within one of these steps the first reason in this order is given.
    """

    NULL_VALUE = "null_value"
    OVERSIZE = "oversize"
    INVALID_UTF8 = "invalid_utf8"
    CONTROL_CHARACTER = "control_character"
    TOO_DEEP = "too_deep"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    ESCAPED_KEY = "escaped_key"
    DUPLICATE_KEY = "duplicate_key"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    INVALID_REPORT = "invalid_report"
    INVALID_TIME = "invalid_time"
    TOO_MANY_ITEMS = "too_many_items"
    INVALID_VALUE = "invalid_value"
    PARTNER_MISMATCH = "partner_mismatch"
    MISSING_KEY = "missing_key"
    KEY_MISMATCH = "key_mismatch"
    HEADER_MISMATCH = "header_mismatch"
    INVALID_COUNTRY = "invalid_country"
    TIME_BEFORE_2000 = "time_before_2000"
    TIME_IN_FUTURE = "time_in_future"
    UNKNOWN_KEY_ID = "unknown_key_id"
    KEY_NOT_VALID = "key_not_valid"
    UNKNOWN_DESK = "unknown_desk"
    IDENTITY_CONFLICT = "identity_conflict"


class EntryState(Code):
    """Where an entry stands. The first two are the backlog, the last three are out of the desk's hands."""

    WAITING = "waiting"
    SHELVED = "shelved"
    IN_HAND = "in_hand"
    CLOSED = "closed"
    FORWARDED = "forwarded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class StatusType(Code):
    """What a desk reports about an entry."""

    LOOKED = "looked"
    SHELVED = "shelved"
    TAKEN_UP = "taken_up"
    FORWARDED = "forwarded"
    RETURNED = "returned"
    CLOSED = "closed"
    REOPENED = "reopened"


class ActorRole(Code):
    """Who acted at a desk: a function, never a person."""

    TRIAGE = "triage"
    INVESTIGATOR = "investigator"
    ANALYST = "analyst"
    SUPERVISOR = "supervisor"
    PROSECUTOR = "prosecutor"
    SYSTEM = "system"


class Disposition(Code):
    """The coded outcome that closes an entry."""

    PROSECUTION = "prosecution"
    INDIGO = "indigo"
    WARNING_LETTER = "warning_letter"
    VICTIM_SAFEGUARDED = "victim_safeguarded"
    MERGED = "merged"
    NO_OFFENCE = "no_offence"
    IP_NOT_RESOLVABLE = "ip_not_resolvable"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    OUTSIDE_JURISDICTION = "outside_jurisdiction"
    ADMINISTRATIVE = "administrative"


LOOKED_DISPOSITIONS = frozenset(
    {
        Disposition.PROSECUTION,
        Disposition.INDIGO,
        Disposition.WARNING_LETTER,
        Disposition.VICTIM_SAFEGUARDED,
        Disposition.MERGED,
    }
)
"""Dispositions that imply a human looked."""

ACTION_DISPOSITIONS = LOOKED_DISPOSITIONS
"""Dispositions by which something was done; partners learn no more of a closing than whether it is one of these."""


class TrackStep(Code):
    """A country's own steps after an outcome; read only by a ledger of that country."""

    INDIGO_OFFERED = "indigo_offered"
    INDIGO_REFUSED = "indigo_refused"
    INDIGO_SELECTED = "indigo_selected"
    HOME_VISIT = "home_visit"
    MEDIA_SEIZED = "media_seized"
    INTERVIEW_INVITED = "interview_invited"
    CONDITIONAL_DISMISSAL = "conditional_dismissal"
    TREATMENT = "treatment"
    SUPERVISION = "supervision"
    BREACHED = "breached"
    ENDED = "ended"


class OutcomeClass(Code):
    """The coarse code a partner learns about a referral's fate."""

    LOOKED = "looked"
    WORKED = "worked"
    CLOSED_ACTION = "closed_action"
    CLOSED_NO_ACTION = "closed_no_action"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RerouteAction(Code):
    """What a reroute command asks of the router."""

    FORWARD = "forward"
    WITHDRAW = "withdraw"
    RESOLVE = "resolve"


class NoticeType(Code):
    """What somebody is told. The last two end what one of the others has opened."""

    URGENT_ARRIVED = "urgent_arrived"
    URGENT_REJECTED = "urgent_rejected"
    TARGET_MISSED = "target_missed"
    OLDEST_WAITING = "oldest_waiting"
    DESK_SILENT = "desk_silent"
    EXPIRING_SOON = "expiring_soon"
    UNROUTABLE_WAITING = "unroutable_waiting"
    SUPERVISION_ENDING = "supervision_ending"
    DAILY_DIGEST = "daily_digest"
    LOOKED = "looked"
    RESOLVED = "resolved"


CLOSING_NOTICES = frozenset({NoticeType.LOOKED, NoticeType.RESOLVED})
"""`looked`: a human has looked at all that the group held; `resolved`: it is over for another reason."""

"""Records that are JSON objects, and still no envelope that this partner may send here and now."""

from dataclasses import replace
from random import Random
from typing import Final

from schemas.codes import RejectReason
from schemas.envelope import MAX_IDENTIFIERS, MAX_JURISDICTIONS
from services.simulator.drafts import Draft, Makers
from services.simulator.places import WITHDRAWN
from services.simulator.stamps import DAY, HOUR, stamp

MAKERS: Final = Makers()


@MAKERS.spoils(RejectReason.UNSUPPORTED_VERSION)
def _next_version(draft: Draft, rng: Random) -> Draft:
    return draft.with_fields(schema_version=rng.choice((0, 2, 3)))


@MAKERS.spoils(RejectReason.UNKNOWN_FIELD)
def _narrative(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(narrative="a field that the contract does not have")


@MAKERS.spoils(RejectReason.UNKNOWN_FIELD)
def _address(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(identifiers=draft.identifiers(ip="198.18.0.1"))


@MAKERS.spoils(RejectReason.MISSING_FIELD)
def _incomplete(draft: Draft, rng: Random) -> Draft:
    required = ("partner", "report", "revision", "action", "urgency", "incident", "jurisdictions", "submitted_at")
    return draft.without(rng.choice(required))


@MAKERS.spoils(RejectReason.WRONG_TYPE)
def _revision_as_text(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(revision=str(draft.body["revision"]))


@MAKERS.spoils(RejectReason.WRONG_TYPE)
def _list_as_text(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(indicators="network")


@MAKERS.spoils(RejectReason.INVALID_REPORT)
def _report_as_prose(draft: Draft, rng: Random) -> Draft:
    return draft.with_fields(report=rng.choice(("", "number 12", "12/34", "9" * 49, "../12", "12\u0660")))


@MAKERS.spoils(RejectReason.INVALID_TIME)
def _no_such_time(draft: Draft, rng: Random) -> Draft:
    times = ("yesterday", "2024-13-01T00:00:00Z", "2024-02-30T10:00:00Z", "2024-05-01T10:00:00", "1714557600")
    return draft.with_fields(submitted_at=rng.choice(times))


@MAKERS.spoils(RejectReason.TOO_MANY_ITEMS)
def _too_many_countries(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(jurisdictions=[draft.body["jurisdictions"][0]] * (MAX_JURISDICTIONS + 1))


@MAKERS.spoils(RejectReason.TOO_MANY_ITEMS)
def _too_many_identifiers(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(identifiers=draft.identifiers()[:1] * (MAX_IDENTIFIERS + 1))


@MAKERS.spoils(RejectReason.INVALID_VALUE)
def _unknown_code(draft: Draft, rng: Random) -> Draft:
    return draft.with_fields(urgency=rng.choice(("high", "URGENT", "")))


@MAKERS.spoils(RejectReason.INVALID_VALUE)
def _plain_hash(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(identifiers=draft.identifiers(hmac_sha256="5" * 32))


@MAKERS.spoils(RejectReason.INVALID_VALUE)
def _no_country_at_all(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(jurisdictions=[])


@MAKERS.spoils(RejectReason.PARTNER_MISMATCH)
def _somebody_elses(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(partner=draft.other_partner)


@MAKERS.spoils(RejectReason.MISSING_KEY)
def _keyless(draft: Draft, _: Random) -> Draft:
    return replace(draft, key=None)


@MAKERS.spoils(RejectReason.KEY_MISMATCH)
def _another_key(draft: Draft, rng: Random) -> Draft:
    return replace(draft, key=rng.choice((b"", b"0", (draft.key or b"") + b"-1")))


@MAKERS.spoils(RejectReason.HEADER_MISMATCH)
def _contradicting_header(draft: Draft, rng: Random) -> Draft:
    wrong = rng.choice(
        (
            ("ce_id", b"another:1:1"),
            ("ce_source", f"/partners/{draft.other_partner}".encode()),
            ("ce_type", b"referral.receipt.v1"),
            ("ce_specversion", b"0.3"),
            ("content-type", b"text/plain"),
        )
    )
    return replace(draft, headers=(*(header for header in draft.headers if header[0] != wrong[0]), wrong))


@MAKERS.spoils(RejectReason.INVALID_COUNTRY)
def _withdrawn_country(draft: Draft, rng: Random) -> Draft:
    place = draft.body["jurisdictions"][0] | {"country": rng.choice((*WITHDRAWN, "QQ", "ZX"))}
    return draft.with_fields(jurisdictions=[place])


@MAKERS.spoils(RejectReason.INVALID_COUNTRY)
def _country_in_small_letters(draft: Draft, _: Random) -> Draft:
    place = draft.body["jurisdictions"][0] | {"country": "nl"}
    return draft.with_fields(jurisdictions=[place, *draft.body["jurisdictions"][1:]])


@MAKERS.spoils(RejectReason.TIME_BEFORE_2000)
def _last_century(draft: Draft, rng: Random) -> Draft:
    when = rng.choice(("1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2000-01-01T00:30:00+01:00"))
    return draft.with_fields(incident=draft.body["incident"] | {"occurred_at": when})


@MAKERS.spoils(RejectReason.TIME_IN_FUTURE)
def _tomorrow(draft: Draft, rng: Random) -> Draft:
    when = stamp(draft.now_ms + rng.randrange(6 * HOUR, 400 * DAY))
    return draft.with_fields(incident=draft.body["incident"] | {"occurred_at": when})


@MAKERS.spoils(RejectReason.UNKNOWN_KEY_ID)
def _nobodys_key(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(identifiers=draft.identifiers(key_id="nobodys-key-0"))


@MAKERS.spoils(RejectReason.KEY_NOT_VALID)
def _expired_key(draft: Draft, _: Random) -> Draft:
    return draft.with_fields(identifiers=draft.identifiers(key_id=draft.expired_key_id))

"""The simulated stream: repeatable, varied as the real one is, and each record what it says it is."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from policy.configuration import load
from policy.destinations import destinations
from policy.intake import Accepted, examine
from policy.partners import Key, Partner
from schemas.codes import (
    Action,
    Basis,
    IdentifierKind,
    IncidentType,
    Indicator,
    Outcome,
    PartnerClass,
    RejectReason,
    Role,
    Subject,
    Urgency,
)
from schemas.envelope import MAX_BYTES, Envelope
from services.simulator import flaws, intents
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from services.simulator.places import Places
from services.simulator.source import home_of
from tests.unit.test_simulator_world import chi_square, upper_bound

NOW_MS = 1_780_000_000_000
EVERYTHING = Mix(duplicates=0.1, conflicts=0.03, amendments=0.08, withdrawals=0.03, bad=0.1, misplaced=0.005)


def _year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def _keys(scope: str) -> dict[str, Key]:
    keys = (
        Key(f"{scope}-retired", frozenset({scope}), _year(2020), _year(2022)),
        Key(f"{scope}-current", frozenset({scope}), _year(2021)),
        Key(f"{scope}-next", frozenset({scope}), _year(2080)),
    )
    return {key.key_id: key for key in keys}


PARTNERS = (
    Partner("ncmec", "A clearing house", 4, keys=_keys("ncmec")),
    Partner("inhope-nl", "A hotline", 1, keys=_keys("inhope-nl")),
)
BY_ID = {partner.id: partner for partner in PARTNERS}


def made(count: int, seed: int = 1, year: int = 2023, mix: Mix = EVERYTHING) -> list[Record]:
    return list(islice(Referrals(seed, year, mix, NOW_MS, PARTNERS), count))


@cache
def stream() -> tuple[Record, ...]:
    """A fifth of it out of the ordinary; long enough for everything to be in it."""
    return tuple(made(20_000))


@cache
def accepted() -> tuple[tuple[Record, Accepted], ...]:
    found = ((record, _examine(record)) for record in stream())
    return tuple((record, result) for record, result in found if isinstance(result, Accepted))


def _examine(record: Record) -> object:
    return examine(record.value, record.key, record.headers, BY_ID[record.partner], NOW_MS)


def _envelopes() -> Iterable[Envelope]:
    return (result.envelope for _, result in accepted())


def test_the_same_seed_gives_the_same_records() -> None:
    assert made(3_000, seed=7) == made(3_000, seed=7)


def test_another_seed_gives_other_records() -> None:
    assert made(200, seed=7) != made(200, seed=8)


def test_two_runs_never_share_a_report() -> None:
    first = {record.key for record in islice(Referrals(7, 2023, EVERYTHING, NOW_MS, PARTNERS), 500)}
    again = {record.key for record in islice(Referrals(7, 2023, EVERYTHING, NOW_MS + 1, PARTNERS), 500)}
    assert first & again <= {None, b"", b"0"}


def test_every_record_gets_exactly_the_outcome_it_was_made_for() -> None:
    desks, remembered = load(Path("deploy")).desks, dict[tuple[str, str, int], int]()
    for record in stream():
        assert _outcome(record, desks, remembered) == intents.expected(record.intent), record.intent


def _outcome(record: Record, desks: object, remembered: dict[tuple[str, str, int], int]) -> object:
    """The design's outcomes in their plainest form: one window, no partitions."""
    found = _examine(record)
    if not isinstance(found, Accepted):
        return Outcome.REJECTED, found.reason  # type: ignore[attr-defined]
    envelope = found.envelope
    identity = (envelope.partner, envelope.report, envelope.revision)
    if identity in remembered:
        same = remembered[identity] == found.digest
        return (Outcome.DUPLICATE, None) if same else (Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT)
    remembered[identity] = found.digest
    if envelope.action is Action.AMEND:
        return Outcome.AMENDED, None
    if envelope.action is Action.WITHDRAW:
        return Outcome.WITHDRAWN, None
    places = [(place.country, place.role) for place in envelope.jurisdictions]
    nowhere = destinations(places, desks)[0].desk == "zz"  # type: ignore[arg-type]
    return (Outcome.UNROUTABLE if nowhere else Outcome.ROUTED), None


def test_every_intent_appears() -> None:
    found = {record.intent for record in stream()}
    plain = {
        intents.NEW, intents.LATE, intents.DRIFTED, intents.MISPLACED, intents.CORRECTED, intents.UNPLACED,
        intents.AMEND, intents.WITHDRAW, intents.DUPLICATE, intents.CONFLICT,
    }  # fmt: skip
    assert found == plain | {intents.bad(reason) for reason in set(RejectReason) - flaws.NEEDS_ANOTHER}


def test_every_code_appears() -> None:
    envelopes = list(_envelopes())
    places = [place for envelope in envelopes for place in envelope.jurisdictions]
    identifiers = [identifier for envelope in envelopes for identifier in envelope.identifiers]
    assert {envelope.incident.type for envelope in envelopes} == set(IncidentType)
    assert {code for envelope in envelopes for code in envelope.indicators} == set(Indicator)
    assert {envelope.urgency for envelope in envelopes} == set(Urgency)
    assert {envelope.partner_class for envelope in envelopes} == set(PartnerClass)
    assert {envelope.action for envelope in envelopes} == set(Action)
    assert {place.role for place in places} == set(Role)
    assert {place.basis for place in places} == set(Basis)
    assert {(one.kind, one.subject) for one in identifiers} == {
        (kind, subject) for kind in IdentifierKind for subject in Subject
    }


def test_every_field_is_given_and_left_out() -> None:
    for name in ("expires_at", "material", "indicators", "identifiers"):
        assert {name in envelope.model_fields_set for envelope in _envelopes()} == {True, False}, name
    incidents = [envelope.incident for envelope in _envelopes()]
    assert {incident.occurred_at is None for incident in incidents} == {True, False}
    captured = [one.captured_at for envelope in _envelopes() for one in envelope.identifiers]
    assert {time is None for time in captured} == {True, False}
    materials = [envelope.material for envelope in _envelopes() if envelope.material]
    assert {material.classification is None for material in materials} == {True, False}


def test_no_more_files_are_known_than_there_are() -> None:
    for material in (envelope.material for envelope in _envelopes() if envelope.material):
        assert material.known_images <= material.images
        assert material.known_videos <= material.videos


def test_reports_name_from_one_country_to_as_many_as_may_be() -> None:
    counts = Counter(len(envelope.jurisdictions) for envelope in _envelopes())
    assert {1, 2, 3, 16} <= set(counts)
    assert counts[1] > 0.7 * counts.total()


def test_reports_hold_from_no_identifier_to_as_many_as_may_be() -> None:
    counts = Counter(len(envelope.identifiers) for envelope in _envelopes())
    assert min(counts) == 0
    assert max(counts) == 64
    assert sum(counts[few] for few in (1, 2, 3)) > 0.7 * counts.total()


def test_a_person_is_seen_again_now_and_then() -> None:
    new = (result.envelope for record, result in accepted() if record.intent == intents.NEW)
    hashes = Counter(one.hmac_sha256 for envelope in new for one in envelope.identifiers)
    again = sum(count for count in hashes.values() if count > 1)
    assert 0.1 < again / hashes.total() < 0.3


def test_envelopes_are_as_large_as_real_ones() -> None:
    sizes = [len(record.value or b"") for record, _ in accepted()]
    assert max(sizes) <= MAX_BYTES
    assert 776 <= sum(sizes) / len(sizes) <= 1_000


def test_codes_that_fell_out_of_use_stand_beside_valid_ones() -> None:
    dropped = {code for _, result in accepted() for code in result.dropped}
    assert dropped


def test_a_country_is_written_by_its_alias_now_and_then() -> None:
    places = Places(2023, Random(1))
    written = {places.describe(country)[29:31] for country in ("GB", "GR") for _ in range(1_000)}
    assert written == {"GB", "UK", "GR", "EL"}


def test_new_reports_of_the_clearing_house_fall_by_country_as_the_years_did() -> None:
    statistic, degrees = chi_square(_first_countries(made(25_000, seed=3, mix=Mix())), 2023)
    assert statistic < upper_bound(degrees)


def test_another_years_reports_would_not_pass() -> None:
    statistic, degrees = chi_square(_first_countries(made(25_000, seed=3, year=2021, mix=Mix())), 2023)
    assert statistic > upper_bound(degrees)


def _first_countries(records: Iterable[Record]) -> Counter[str]:
    alias = {"UK": "GB", "EL": "GR"}
    drawn = {intents.NEW, intents.UNPLACED, intents.LATE, intents.DRIFTED}
    first = (
        re.search(rb'"jurisdictions":\[\{"country":"(..)"', record.value or b"")
        for record in records
        if record.partner == "ncmec" and record.intent in drawn
    )
    codes = (match[1].decode() for match in first if match)
    return Counter(alias.get(code, code) for code in codes)


def test_the_hotlines_reports_are_mostly_about_its_countrys_hosting() -> None:
    places = [result.envelope.jurisdictions[0] for record, result in accepted() if record.partner == "inhope-nl"]
    assert {place.country for place in places} == {"NL"}
    assert sum(place.role is Role.HOSTING for place in places) > 0.7 * len(places)


def test_the_shares_are_those_of_the_mix() -> None:
    counts = Counter(record.intent for record in stream())
    bad = sum(count for intent, count in counts.items() if intent.startswith("bad:"))
    drawn = len(stream()) - counts[intents.CORRECTED]
    for name, found in (
        ("duplicates", counts[intents.DUPLICATE]),
        ("conflicts", counts[intents.CONFLICT]),
        ("bad", bad),
    ):
        share = getattr(EVERYTHING, name)
        assert abs(found - drawn * share) < 5 * (drawn * share) ** 0.5, name


def test_urgency_is_claimed_as_rarely_as_it_was() -> None:
    claimed = sum(envelope.urgency is Urgency.URGENT for envelope in _envelopes())
    assert abs(claimed - 0.0018 * len(accepted())) < 5 * (0.0018 * len(accepted())) ** 0.5


def test_reasons_are_alike_often() -> None:
    counts = Counter(record.intent for record in stream() if record.intent.startswith("bad:"))
    assert min(counts.values()) > 0.5 * max(counts.values())


def test_late_ones_are_about_what_was_captured_months_before() -> None:
    for record, result in accepted():
        if record.intent == intents.LATE:
            captured = [one.captured_at for one in result.envelope.identifiers if one.captured_at]
            assert all(datetime.fromisoformat(time).timestamp() < NOW_MS / 1000 - 60 * 86_400 for time in captured)


def test_drifted_ones_are_those_whose_clock_is_wrong() -> None:
    either = {intents.DUPLICATE, intents.CONFLICT, intents.UNPLACED}
    for record, result in accepted():
        if record.intent not in either:
            assert result.clock_ahead == (record.intent == intents.DRIFTED)


def test_a_misplaced_report_is_never_seen_again() -> None:
    times = Counter(record.key for record in stream())
    misplaced = [record for record in stream() if record.intent == intents.MISPLACED]
    assert misplaced
    assert all(times[record.key] == 1 for record in misplaced)


def test_a_partner_with_one_partition_misplaces_nothing() -> None:
    assert {record.partner for record in stream() if record.intent == intents.MISPLACED} == {"ncmec"}


def test_an_amendment_changes_where_the_report_belongs() -> None:
    last: dict[tuple[str, str], list[str]] = {}
    changed = same = 0
    for _, result in accepted():
        envelope = result.envelope
        places = [place.country for place in envelope.jurisdictions]
        before = last.setdefault((envelope.partner, envelope.report), places)
        if envelope.action is Action.AMEND:
            changed, same = changed + (before != places), same + (before == places)
    assert changed > 5 * same


def test_a_withdrawn_report_is_not_revised_again() -> None:
    last: dict[tuple[str, str], int] = {}
    for _, result in accepted():
        envelope = result.envelope
        identity = (envelope.partner, envelope.report)
        assert envelope.revision <= last.get(identity, envelope.revision)
        if envelope.action is Action.WITHDRAW:
            last[identity] = envelope.revision


def test_copies_come_close_to_their_original_and_far_from_it() -> None:
    at: dict[bytes | None, int] = {}
    gaps = []
    for place, record in enumerate(stream()):
        if record.intent == intents.DUPLICATE and record.key in at:
            gaps.append(place - at[record.key])
        at[record.key] = place
    assert min(gaps) < 20
    assert max(gaps) > 10_000


def test_half_of_the_records_carry_cloudevents_headers() -> None:
    with_headers = sum(bool(record.headers) for record in stream())
    assert 0.45 < with_headers / len(stream()) < 0.55


def test_a_good_stream_is_all_new_and_all_accepted() -> None:
    records = made(10_000, year=2022, mix=Mix.good())
    assert {record.intent for record in records} == {intents.NEW, intents.UNPLACED}
    assert len({record.key for record in records}) == len(records)
    assert all(isinstance(_examine(record), Accepted) for record in records)


def test_a_code_no_desk_can_stand_for_is_sent_as_it_is_and_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.places.Places.draw_first", lambda _: "AN")
    for record in made(50, mix=Mix(duplicates=0, conflicts=0, amendments=0, withdrawals=0, bad=0, misplaced=0)):
        assert record.intent == "bad:invalid_country"
        assert _examine(record).reason is RejectReason.INVALID_COUNTRY  # type: ignore[attr-defined]


def test_the_clock_is_the_callers() -> None:
    later = NOW_MS + 86_400_000
    referrals = Referrals(1, 2023, Mix.good(), NOW_MS, PARTNERS, clock=lambda: later)
    value = next(iter(referrals)).value or b""
    submitted = datetime.fromisoformat(Envelope.model_validate_json(value).submitted_at).timestamp() * 1000
    assert later - 60_000 <= submitted <= later


def test_a_partner_without_a_current_key_sends_no_identifiers() -> None:
    keyless = Partner("ncmec", "A clearing house", 4)
    for record in islice(Referrals(1, 2023, Mix(bad=0.3), NOW_MS, [keyless]), 3_000):
        found = examine(record.value, record.key, record.headers, keyless, NOW_MS)
        reason = None if isinstance(found, Accepted) else found.reason
        if record.intent != intents.CONFLICT:
            assert reason == intents.expected(record.intent)[1]


def test_a_stream_without_partners_and_one_before_the_contracts_times_are_refused() -> None:
    with pytest.raises(ValueError, match="no partner"):
        Referrals(1, 2023, Mix(), NOW_MS, [])
    with pytest.raises(ValueError, match="2001"):
        Referrals(1, 2023, Mix(), 0, PARTNERS)


@pytest.mark.parametrize(
    ("partner", "country"), [("inhope-nl", "NL"), ("ncmec", None), ("hotline-uk", None), ("nl", None)]
)
def test_a_hotlines_country_is_the_end_of_its_name(partner: str, country: str | None) -> None:
    assert home_of(partner) == country

"""`/api/backlog`: the same numbers for programs, as JSON and CSV, and the OpenAPI document of both.

What is not known is null (empty in CSV), never 0.
"""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from policy.desks import Reporting
from schemas.codes import Disposition, Lane
from services.ledger.page.view import DeskView, LaneView, Sign, World

Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgeBand(_Model):
    """Ages over one bound, up to and including the next."""

    over_seconds: Count
    to_seconds: Annotated[int | None, Field(description="null: no end")]


class LaneBacklog(_Model):
    """One queue. Of a desk that does not report, all but `unreported`, `arrived`, `arrived_lately`
    and `in_doubt` is null."""

    lane: Lane
    target_seconds: Count
    waiting: Annotated[int | None, Field(description="no human has looked")]
    unreported: Annotated[int | None, Field(description="held by a desk that does not report: unknown")]
    overdue: Annotated[int | None, Field(description="waiting past the target")]
    shelved: Annotated[int | None, Field(description="looked at, not taken up: still backlog")]
    in_hand: int | None
    oldest_arrived_at: Annotated[datetime | None, Field(description="of what waits longest; null where none waits")]
    waiting_by_age: Annotated[list[Count] | None, Field(description="in the order of `age_bands`")]
    evidence_by_age: Annotated[list[Count] | None, Field(description="waiting, by age of the oldest identifier")]
    evidence_expiring: int | None
    expiring: int | None
    arrived: Annotated[int, Field(description="since the count began")]
    looked: int | None
    target_missed: int | None
    arrived_lately: Annotated[int | None, Field(description="since `history_since`; null: not known")]
    looked_lately: int | None
    closed_lately: int | None
    drain_known: Annotated[bool, Field(description="false: too little is known to tell")]
    drain_seconds: Annotated[float | None, Field(description="known and null: never at this pace")]
    in_doubt: Annotated[int, Field(description="residue of conservation; must be 0")]


class DeskBacklog(_Model):
    """One desk. Those that report come first, in order of trouble."""

    desk: str
    name: str
    reporting: Reporting
    signs: Annotated[list[Sign], Field(description="what must be said of it, the gravest first")]
    last_status_at: Annotated[datetime | None, Field(description="null: never said anything")]
    silent_after_seconds: Count
    drain_known: Annotated[bool, Field(description="false: too little is known to tell")]
    drain_seconds: Annotated[float | None, Field(description="known and null: never at this pace")]
    closed: dict[Disposition, Count] | None
    closed_unlooked: Annotated[int | None, Field(description="closed although nobody had looked")]
    forwarded: int | None
    withdrawn: int | None
    expired: int | None
    lanes: list[LaneBacklog]


class PartnerRejected(_Model):
    """Reports of a partner that were refused and not sent again."""

    partner: str
    reports: Count


class Turnover(_Model):
    """Of desks that report, in one span of time: from `start` to the next one's, the last to now."""

    start: datetime
    arrived: Count
    looked: Annotated[int, Field(ge=0, description="for the first time")]
    closed: Annotated[int, Field(ge=0, description="also without a look")]


class Backlog(_Model):
    """What nobody has looked at, at one moment."""

    at: datetime
    current: Annotated[bool, Field(description="false: the ledger is not up to date, and a 0 means nothing")]
    active: Annotated[bool, Field(description="it holds the lease")]
    caught_up: Annotated[bool, Field(description="it has read its topics to their ends")]
    lag_records: int
    last_stored_at: datetime | None
    in_doubt: Annotated[int | None, Field(description="residue of conservation; null while not current, unless found")]
    age_bands: list[AgeBand]
    desks: list[DeskBacklog]
    rejected_not_resent: list[PartnerRejected]
    history_since: Annotated[datetime | None, Field(description="start of the first span; null: nothing happened yet")]
    history: Annotated[list[Turnover], Field(description="spans without a gap, the oldest first")]


COLUMNS: Final = (
    "at", "current", "desk", "name", "reporting", "signs", "last_status_at", "lane", "target_seconds", "waiting",
    "unreported", "overdue", "shelved", "in_hand", "oldest_arrived_at", "evidence_expiring", "expiring", "arrived",
    "looked", "target_missed", "in_doubt", "history_since", "arrived_lately", "looked_lately", "closed_lately",
    "drain_known", "drain_seconds",
)  # fmt: skip


def backlog(world: World) -> Backlog:
    """The document of one moment."""
    return Backlog(
        at=_time(world.now_ms),
        current=world.current,
        active=world.active,
        caught_up=world.caught_up,
        lag_records=world.lag_records,
        last_stored_at=_time_or_none(world.last_commit_ms),
        in_doubt=world.residue if world.current or world.residue else None,
        age_bands=[AgeBand(over_seconds=band.over_seconds, to_seconds=band.to_seconds) for band in world.bands],
        desks=[_desk(desk, world.since_ms is not None) for desk in world.desks],
        rejected_not_resent=[
            PartnerRejected(partner=partner, reports=reports) for partner, reports in sorted(world.rejected.items())
        ],
        history_since=_time_or_none(world.since_ms),
        history=[
            Turnover(start=_time(span.start_ms), arrived=span.arrived, looked=span.looked, closed=span.closed)
            for span in world.history
        ],
    )


def as_csv(found: Backlog) -> str:
    """A row a queue, with a header. RFC 4180."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    whole_document = found.model_dump(mode="json")
    for desk in whole_document["desks"]:
        for lane in desk["lanes"]:
            whole = {**desk, **lane, "at": found.at.isoformat(), "current": str(found.current).lower(),
                     "history_since": whole_document["history_since"], "drain_known": str(lane["drain_known"]).lower(),
                     "signs": " ".join(desk["signs"]), "name": _harmless(desk["name"])}  # fmt: skip
            writer.writerow(whole)
    return written.getvalue()


def openapi() -> dict[str, Any]:
    """OpenAPI 3.1, its schemas made from the models above."""
    _, schemas = models_json_schema([(Backlog, "serialization")], ref_template="#/components/schemas/{model}")
    reference = {"$ref": "#/components/schemas/Backlog"}
    table = {"text/csv": {"schema": {"type": "string", "description": f"columns: {', '.join(COLUMNS)}"}}}
    refused = {"401": {"description": "a token is demanded: Bearer, or Basic with the token as password"}}
    wanted = {"name": "format", "in": "query", "required": False, "schema": {"enum": ["json", "csv"]}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backlog of referrals",
            "version": "1",
            "description": "What nobody has looked at. Read-only; no report number or identifier is in it.",
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": {
            "/api/backlog": {
                "get": {
                    "operationId": "backlog",
                    "summary": "Every desk of this ledger, now",
                    "parameters": [wanted],
                    "responses": {
                        "200": {"description": "Now", "content": {"application/json": {"schema": reference}, **table}},
                        **refused,
                    },
                }
            },
            "/api/backlog.csv": {
                "get": {
                    "operationId": "backlogCsv",
                    "summary": "The same, a row a queue",
                    "responses": {"200": {"description": "Now", "content": table}, **refused},
                }
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _desk(view: DeskView, told: bool) -> DeskBacklog:
    known = view.reports
    return DeskBacklog(
        desk=view.desk.id,
        name=view.desk.name,
        reporting=view.desk.reporting,
        signs=list(view.signs),
        last_status_at=_time_or_none(view.heard_ms),
        silent_after_seconds=view.desk.silent_after_seconds,
        drain_known=known and view.drain.known,
        drain_seconds=view.drain.seconds if known else None,
        closed=dict(view.closed) if known else None,
        closed_unlooked=view.closed_unlooked if known else None,
        forwarded=view.forwarded if known else None,
        withdrawn=view.sum("withdrawn") if known else None,
        expired=view.sum("expired") if known else None,
        lanes=list(_lanes(view.lanes, known, told)),
    )


def _lanes(views: Iterable[LaneView], known: bool, told: bool) -> Iterable[LaneBacklog]:
    """`known`: what the desk does; `told`: what happened lately."""
    for view in views:
        yield LaneBacklog(
            lane=view.lane,
            target_seconds=view.target_seconds,
            waiting=view.waiting if known else None,
            unreported=None if known else view.unended,
            overdue=view.overdue if known else None,
            shelved=view.shelved if known else None,
            in_hand=view.in_hand if known else None,
            oldest_arrived_at=_time_or_none(view.oldest_ms) if known else None,
            waiting_by_age=list(view.bands) if known else None,
            evidence_by_age=list(view.evidence) if known else None,
            evidence_expiring=view.evidence_expiring if known else None,
            expiring=view.expiring if known else None,
            arrived=view.arrived,
            looked=view.looked if known else None,
            target_missed=view.missed if known else None,
            arrived_lately=view.arrived_lately if told else None,
            looked_lately=view.looked_lately if known and told else None,
            closed_lately=view.closed_lately if known and told else None,
            drain_known=known and view.drain.known,
            drain_seconds=view.drain.seconds if known else None,
            in_doubt=view.residue,
        )


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _time_or_none(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else _time(at_ms)


def _harmless(name: str) -> str:
    """A spreadsheet takes what begins so for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name

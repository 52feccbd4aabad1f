"""`python -m services.ledger.reconcile`: what the ledger keeps against what its entries and its topics say.

Reads the database in one snapshot and, only where something is in doubt, the topics. Writes nothing. stdout has the
result, with coordinates; report numbers stand there only with `--reports`. Exit code 0: all adds up; 1: something does
not; 2: a setting is wrong; 3: the database or the broker is out of reach.
"""

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from policy.configuration import ConfigurationError, load
from services.ledger.database import check_slot, connect
from services.ledger.inputs import inputs
from services.ledger.matching import Half, Matching
from services.ledger.recount import Recount, known_keys, recount, snapshot
from services.ledger.search import Search
from services.ledger.settings import LedgerSettings
from services.ledger.streams import StreamKey
from services.runtime import exits, loop
from services.runtime.kafka import reach
from services.runtime.settings import KafkaSettings, SharedSettings, read

REACH_S: Final = 10.0
CHUNK: Final = 500
_FAULTS: Final = ("gaps", "receipt_without_record", "record_without_receipt", "numbered_twice")


def main() -> int:
    """Exit codes of contract.md; raises what `services.runtime.exits.run_main` turns into them."""
    words = _words()
    settings = read(LedgerSettings, os.environ)
    kafka = read(KafkaSettings, os.environ)
    try:
        configuration = load(read(SharedSettings, os.environ).config_dir)
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    known = frozenset(configuration.desks.by_id)
    if words.desk is not None and words.desk not in known:
        raise exits.WrongUse(f"no desk {ascii(words.desk)[1:33]!r} in desks.yaml")
    chosen = settings.chosen(known)
    engine = connect(settings.database_url.get_secret_value())
    try:
        with snapshot(engine) as connection:
            check_slot(connection, settings.slot_seconds * 1000)
            found = recount(connection, settings.slot_seconds * 1000, words.desk)
            doubtful = [key for key in found.doubtful() if key.desk in chosen]
            lost: dict[str, list[Half]] = {}
            matched: dict[StreamKey, Matching] = {}
            entered: set[str] = set()
            if doubtful or found.unentered():
                loop.run(reach(kafka, REACH_S))
                search = Search(kafka, inputs(configuration, known, frozenset()))
                matched = search.match(doubtful, found.comparable)
                entered = known_in_chunks(connection, matched)
                lost = {desk: search.unentered(connection, desk, found.positions) for desk in found.unentered()}
    except SQLAlchemyError as error:
        raise exits.CannotRun(
            f"the ledger's database cannot be read ({type(error).__name__}): set DATABASE_URL to the one that the "
            "ledger runs with"
        ) from None
    finally:
        engine.dispose()
    report = document(found, matched, lost, entered, reports=words.reports)
    if words.json:
        print(json.dumps(report, indent=2))  # noqa: T201 - the result
    else:
        print("\n".join(lines(report)))  # noqa: T201 - the result
    return exits.DONE if report["adds_up"] else exits.FOUND


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.ledger.reconcile", description=__doc__)
    parser.add_argument("desk", nargs="?", metavar="DESK", help="only this desk")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--reports", action="store_true", help="name partner, report and desk too, not only places")
    return parser.parse_args()


def document(
    found: Recount,
    matched: Mapping[StreamKey, Matching],
    lost: Mapping[str, list[Half]],
    entered: Collection[str],
    *,
    reports: bool,
) -> dict[str, Any]:
    """The result. `adds_up` is false where anything is wrong; what the ledger has yet to read is not.

    `entered`: the entries that are there of those that a receipt without its record names.
    """
    streams = [one for key, matching in matched.items() if (one := _stream(found, key, matching, entered, reports))]
    tallies = [
        {**one.key._asdict(), "kept": one.kept, "counted": one.counted} for one in found.differing
    ]  # fmt: skip
    records = [
        {"desk": desk, "read": found.read.get(desk, 0), "entered": found.entered.get(desk, 0),
         "without_entry": [_half(half, reports) for half in lost.get(desk, [])]}
        for desk in found.unentered()
    ]  # fmt: skip
    return {
        "adds_up": not (streams or tallies or records),
        "entries": found.entries,
        "streams_checked": len(found.streams),
        "tallies": tallies,
        "records": records,
        "streams": streams,
    }


def _stream(
    found: Recount, key: StreamKey, matching: Matching, entered: Collection[str], reports: bool
) -> dict[str, Any] | None:
    """What is wrong with one; None where the topics agree and the ledger has not read them to their ends."""
    stream = found.streams[key]
    in_table = [gap for one, gap in found.gaps if one == key]
    behind = any(found.positions.get(place, 0) <= offset for place, offset in matching.newest.items())
    if matching.sound and not stream.doubled and not stream.missing and behind:
        return None
    named = {(hole.after, hole.before) for hole in matching.holes}
    return {
        "desk": key.desk,
        "lane": key.lane,
        "ingress": key.source,
        "numbered": stream.numbered,
        "records": stream.records,
        "receipts": stream.receipts,
        "doubled": stream.doubled,
        "gaps": [
            {"first_missing": hole.after + 1, "last_missing": hole.before - 1,
             "ingress_offsets_between": [hole.left.ingress_offset, hole.right.ingress_offset],
             "after": _half(hole.left, reports), "before": _half(hole.right, reports)}
            for hole in matching.holes
        ]
        + [
            {"first_missing": gap.after + 1, "last_missing": gap.before - 1, "ingress_offsets_between": None}
            for gap in in_table
            if (gap.after, gap.before) not in named
        ],
        "receipt_without_record": [
            {**_half(half, reports), "has_entry": half.entry in entered} for half in _ordered(matching.unqueued)
        ],
        "record_without_receipt": [_half(half, reports) for half in _ordered(matching.unreceipted)],
        "numbered_twice": [{"number": one.number, **_half(one.half, reports)} for one in matching.twice],
    }  # fmt: skip


def known_in_chunks(connection: Connection, matched: Mapping[StreamKey, Matching]) -> set[str]:
    """Which of the entries that unpaired receipts name are there."""
    keys = [half.entry for one in matched.values() for half in one.unqueued.values()]
    found: set[str] = set()
    for start in range(0, len(keys), CHUNK):
        found |= known_keys(connection, keys[start : start + CHUNK])
    return found


def _ordered(halves: Mapping[int, Half]) -> Iterator[Half]:
    return (halves[offset] for offset in sorted(halves))


def _half(half: Half, reports: bool) -> dict[str, Any]:
    named = {"entry": half.entry} if reports else {}
    return {**half.stands._asdict(), "ingress_offset": half.ingress_offset, **named}


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """For a person: one line for each thing that is wrong, and one at the end."""
    for one in report["tallies"]:
        where = f"{one['desk']} {one['lane']}".strip()
        yield (f"tally {one['kind']} of {where}, span {one['slot']}: the ledger keeps {one['kept']}, "
               f"its entries make {one['counted']}")  # fmt: skip
    for one in report["records"]:
        yield f"{one['desk']}: {one['read']} queue records read, {one['entered']} in its entries"
        for half in one["without_entry"]:
            yield f"  no entry for {_place(half)}"
    for one in report["streams"]:
        yield f"{one['desk']} {one['lane']} from {one['ingress']}:"
        yield from (f"  {line}" for line in _of_stream(one))
    number = len(report["tallies"]) + len(report["records"]) + len(report["streams"])
    end = "all adds up" if report["adds_up"] else f"{number} do not add up"
    yield f"{report['entries']:,} entries counted, {report['streams_checked']:,} streams held against receipts: {end}"


def _of_stream(one: Mapping[str, Any]) -> Iterator[str]:
    for gap in one["gaps"]:
        text = f"running numbers {gap['first_missing']} to {gap['last_missing']} are missing"
        if (between := gap["ingress_offsets_between"]) is None:
            yield f"{text}; the records beside them are not kept any more"
        else:
            yield f"{text}, between the ingress offsets {between[0]} and {between[1]} ({_place(gap['after'])} and on)"
    for half in one["receipt_without_record"]:
        entry = "an entry from elsewhere" if half["has_entry"] else "no entry"
        yield f"ingress offset {half['ingress_offset']}: a receipt ({_place(half)}), no queue record, and {entry}"
    for half in one["record_without_receipt"]:
        yield f"ingress offset {half['ingress_offset']}: a queue record ({_place(half)}), and no receipt"
    for half in one["numbered_twice"]:
        yield f"running number {half['number']} stands again at {_place(half)}"
    if not any(one[what] for what in _FAULTS) and not one["doubled"]:
        yield (f"the topics agree, and the ledger has read them; yet it counted {one['records']} queue records and "
               f"{one['receipts']} receipts")  # fmt: skip
    if one["doubled"] and not one["numbered_twice"]:
        yield f"{one['doubled']} read twice; the topics do not show it (any more)"


def _place(half: Mapping[str, Any]) -> str:
    name = f", {half['entry']}" if "entry" in half else ""
    return f"{half['topic']}/{half['partition']}@{half['offset']}{name}"


if __name__ == "__main__":
    sys.exit(exits.run_main(main))

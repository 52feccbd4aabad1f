"""The published JSON Schema says what the models say, wherever a schema can say it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas import topics
from schemas.channels import CHANNELS
from schemas.codes import (
    Disposition,
    Outcome,
    OutcomeClass,
    RejectReason,
    RerouteAction,
    StatusType,
    TrackStep,
)
from schemas.envelope import Envelope
from schemas.generate import HERE, MODELS, files, main
from schemas.records import serialise

VECTORS: Final = HERE / "vectors"
RECORDS: Final = json.loads((VECTORS / "records" / "index.json").read_bytes())
SCHEMAS: Final[Mapping[str, Any]] = {
    name: json.loads((HERE / "json" / f"{name}.v1.json").read_bytes()) for name in MODELS
}
VALIDATORS: Final = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}


def model_takes(record: str, value: bytes) -> bool:
    try:
        MODELS[record].model_validate_json(value)
    except ValidationError:
        return False
    return True


def entries(folder: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / folder / "index.json").read_bytes())
    return [entry for entry in found if entry.get("json_schema") != "not_judged"]


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["file"])


@pytest.mark.parametrize("name", MODELS)
def test_a_published_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("entry", entries("valid"), ids=name_of)
def test_the_schema_takes_a_valid_envelope_and_its_canonical_form(entry: dict[str, Any]) -> None:
    for file in (entry["file"], entry["canonical"]):
        value = (VECTORS / "valid" / file).read_bytes()
        assert model_takes("envelope", value)
        assert VALIDATORS["envelope"].is_valid(json.loads(value))


@pytest.mark.parametrize("entry", entries("invalid"), ids=name_of)
def test_the_schema_judges_an_invalid_envelope_as_its_index_says(entry: dict[str, Any]) -> None:
    value = (VECTORS / "invalid" / entry["file"]).read_bytes()
    assert VALIDATORS["envelope"].is_valid(json.loads(value)) == (entry["json_schema"] == "accepts")


@pytest.mark.parametrize("entry", entries("invalid"), ids=name_of)
def test_what_the_schema_refuses_the_model_refuses(entry: dict[str, Any]) -> None:
    """The other way round fails only for how a number is spelled: to JSON Schema 1.0 is an integer."""
    value = (VECTORS / "invalid" / entry["file"]).read_bytes()
    if entry["json_schema"] == "refuses":
        assert not model_takes("envelope", value)
    elif not model_takes("envelope", value):
        assert any(spelling in value for spelling in (b"1.0", b"1e0"))


@pytest.mark.parametrize("entry", RECORDS, ids=name_of)
def test_a_record_is_valid_as_its_index_says(entry: dict[str, Any]) -> None:
    value = (VECTORS / "records" / entry["file"]).read_bytes()
    assert model_takes(entry["record"], value) == entry["valid"]
    assert VALIDATORS[entry["record"]].is_valid(json.loads(value)) == (entry["json_schema"] == "accepts")


@pytest.mark.parametrize("entry", [entry for entry in RECORDS if entry["valid"]], ids=name_of)
def test_a_record_written_is_the_record_read(entry: dict[str, Any]) -> None:
    model = MODELS[entry["record"]]
    record = model.model_validate_json((VECTORS / "records" / entry["file"]).read_bytes())
    written = serialise(record)
    assert model.model_validate_json(written) == record
    assert VALIDATORS[entry["record"]].is_valid(json.loads(written))


def test_the_records_show_every_code() -> None:
    shown: dict[str, list[dict[str, Any]]] = {name: [] for name in MODELS}
    for entry in RECORDS:
        if entry["valid"]:
            shown[entry["record"]].append(json.loads((VECTORS / "records" / entry["file"]).read_bytes()))
    assert {record["outcome"] for record in shown["receipt"]} == set(Outcome)
    assert {record["event"] for record in shown["status"]} == set(StatusType)
    assert {record.get("disposition") for record in shown["status"]} == {None, *Disposition}
    assert {record["step"] for record in shown["track"]} == set(TrackStep)
    assert {record["outcome_class"] for record in shown["outcome"]} == set(OutcomeClass)
    assert {record["action"] for record in shown["reroute"]} == set(RerouteAction)
    assert {record["reason"] for record in shown["quarantine"]} <= set(RejectReason)


def test_every_record_file_is_in_the_index() -> None:
    there = {
        f"{folder}/{path.name}" for folder in ("valid", "invalid") for path in (VECTORS / "records" / folder).iterdir()
    }
    assert there == {entry["file"] for entry in RECORDS}


def test_no_pattern_lets_a_newline_follow() -> None:
    """Python's `$` also stands before a last newline; the published schema must not depend on it."""

    def patterned(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in patterned(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if isinstance(node.get("pattern"), str) and "type" in node else []
        return own + [found for value in node.values() for found in patterned(value)]

    found = [schema for published in SCHEMAS.values() for schema in patterned(published)]
    assert found
    for schema in found:
        assert not Draft202012Validator(schema).is_valid("\n")
        assert schema["not"] == {"pattern": "[^!-~]"}


def test_the_schema_lists_fields_in_the_order_of_the_canonical_form() -> None:
    assert list(SCHEMAS["envelope"]["properties"]) == list(Envelope.model_fields)
    assert next(iter(Envelope.model_fields)) == "submitted_at"


def test_the_checked_in_files_are_what_the_models_say() -> None:
    assert main(["--check"]) == 0


def test_the_generator_writes_the_same_bytes_twice() -> None:
    assert files() == files()


def test_a_stale_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.generate.HERE", tmp_path)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    assert main(["--check"]) == 1
    assert main([]) == 0
    (tmp_path / "json" / "letter.v1.json").write_text("{}")
    assert main(["--check"]) == 1


def test_the_generator_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err


def test_every_kind_of_topic_has_a_channel() -> None:
    partner, desk = "{partner}", "{desk}"
    assert {channel.address for channel in CHANNELS} == {
        topics.ingress(partner),
        topics.ingress_test(partner),
        topics.queue(desk, "{lane}"),
        topics.receipt(partner),
        topics.seen(partner),
        topics.seen_test(partner),
        topics.status(desk),
        topics.track(desk),
        topics.outcome(partner),
        topics.QUARANTINE,
        topics.REROUTE,
        topics.SEEN_REROUTE,
        topics.NOTICE,
        topics.notice(desk),
    }

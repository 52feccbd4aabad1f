"""The AsyncAPI document names the topics that provisioning makes, with their retention, and refers to what exists."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from policy.configuration import Configuration, load
from policy.desks import DeskTable
from policy.notify import DeskTopic, Notify, Rung
from policy.topics import topic_plan
from schemas.channels import CHANNELS, DAY_MS, Channel
from schemas.generate import HERE

DOCUMENT: Final = yaml.safe_load((HERE / "asyncapi.yaml").read_text(encoding="utf-8"))
ROOT: Final = Path(__file__).parents[2]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > len(CHANNELS)
    for reference in found:
        file, _, pointer = reference.partition("#")
        target = DOCUMENT if not file else json.loads((HERE / file).read_bytes())
        for step in pointer.split("/")[1:]:
            target = target[step]
        assert target


def test_it_is_asyncapi_3_and_each_channel_has_its_parameters() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    for channel in DOCUMENT["channels"].values():
        named = {part.partition("}")[0] for part in channel["address"].split("{")[1:]}
        assert set(channel.get("parameters", {})) == named
        assert set(channel["messages"]) <= set(DOCUMENT["components"]["messages"])


def test_header_and_key_schemas_are_schemas() -> None:
    for message in DOCUMENT["components"]["messages"].values():
        for schema in (message.get("headers"), message.get("bindings", {}).get("kafka", {}).get("key")):
            if schema is not None:
                Draft202012Validator.check_schema(schema)


def with_a_topic_for_notices(configuration: Configuration) -> Configuration:
    """Nobody has one unless it is asked for."""
    notify = Notify(channels={"topic": DeskTopic("topic")}, rungs=(Rung(0, ("topic",)),))
    desks = tuple(replace(desk, notify=notify) if desk.id == "nl" else desk for desk in configuration.desks.desks)
    return replace(configuration, desks=DeskTable(desks))


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_a_channel_is_kept_as_long_as_provisioning_says(channel: Channel) -> None:
    configuration = with_a_topic_for_notices(load(ROOT / "deploy"))
    partners = [partner.id for partner in configuration.partners.partners]
    address = channel.address.format(partner=partners[0], desk="nl", lane="urgent")
    plan = {spec.name: spec for spec in topic_plan(configuration)}
    assert int(plan[address].config["retention.ms"]) == channel.days * DAY_MS
    assert plan[address].config["cleanup.policy"] == "delete"


def test_every_provisioned_topic_is_of_a_channel() -> None:
    configuration = load(ROOT / "deploy")
    known = {
        channel.address.format(partner=partner.id, desk=desk.id, lane=lane)
        for channel in CHANNELS
        for partner in configuration.partners.partners
        for desk in configuration.desks.desks
        for lane in ("urgent", "priority", "routine")
    }
    assert {spec.name for spec in topic_plan(configuration)} <= known

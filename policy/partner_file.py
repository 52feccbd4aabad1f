"""`deploy/partners.yaml` as a `PartnerTable`: who publishes, and which hashing keys each may use."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from policy.documents import SLUG_WORDS, Document, describe, is_slug
from policy.partners import DEFAULT_WINDOW_DAYS, Key, Partner, PartnerTable
from policy.problems import Problem, one_of, quote
from schemas.topics import RESERVED_PARTNERS

NAME: Final = "partners.yaml"
MAX_PARTITIONS: Final = 256
MAX_WINDOW_DAYS: Final = 400
_KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_PARTNER_FIELDS: Final = {"name": True, "ingress_partitions": True, "window_days": False}
_KEY_FIELDS: Final = {"scope": True, "valid_from": True, "valid_until": False}


def read_partners(path: Path) -> tuple[PartnerTable, list[Problem]]:
    """The table, and every mistake in the file; the table is of use only where there is none."""
    document = Document(str(path))
    top = document.open(path)
    if top is None:
        return PartnerTable(()), document.problems
    parts = document.fields(top, "the partner file", {"partners": True, "keys": True})
    partners: dict[str, Partner] = {}
    if "partners" in parts:
        partners = _read_partners(document, parts["partners"])
    keys = _read_keys(document, parts["keys"], partners) if "keys" in parts else []
    table = PartnerTable(tuple(_with_keys(partner, keys) for partner in partners.values()))
    return table, document.problems


def _with_keys(partner: Partner, keys: list[Key]) -> Partner:
    own = {key.key_id: key for key in keys if partner.id in key.scope}
    return Partner(partner.id, partner.name, partner.ingress_partitions, partner.window_days, own)


def _read_partners(document: Document, node: yaml.Node) -> dict[str, Partner]:
    partners = {}
    for partner, key, value in document.entries(node, "`partners`"):
        if partner in RESERVED_PARTNERS:
            document.note(key, f"the partner {quote(partner)}", "another name: a topic of ours has this one")
        elif not is_slug(partner):
            document.note(key, f"the partner {quote(partner)}", SLUG_WORDS)
        partners[partner] = _read_partner(document, partner, value)
    if not partners and isinstance(node, yaml.MappingNode):
        document.note(node, "no partner", "at least one")
    return partners


def _read_partner(document: Document, partner: str, node: yaml.Node) -> Partner:
    what = f"partner {quote(partner)}"
    fields = document.fields(node, what, _PARTNER_FIELDS)
    name = document.text(fields["name"], f"the name of {what}") if "name" in fields else None
    partitions = None
    if (field := fields.get("ingress_partitions")) is not None:
        partitions = document.number(field, "`ingress_partitions`", 1, MAX_PARTITIONS)
    window = None
    if (field := fields.get("window_days")) is not None:
        window = document.number(field, "`window_days`", 1, MAX_WINDOW_DAYS)
    return Partner(partner, name or partner, partitions or 1, window or DEFAULT_WINDOW_DAYS)


def _read_keys(document: Document, node: yaml.Node, partners: Mapping[str, Partner]) -> list[Key]:
    keys = []
    for key_id, key_node, value in document.entries(node, "`keys`"):
        if not _KEY_ID.fullmatch(key_id):
            document.note(key_node, f"the key id {quote(key_id)}", "1 to 32 of a-z, 0-9 and hyphens")
        if (key := _read_key(document, key_id, value, partners)) is not None:
            keys.append(key)
    return keys


def _read_key(document: Document, key_id: str, node: yaml.Node, partners: Mapping[str, Partner]) -> Key | None:
    fields = document.fields(node, f"key {quote(key_id)}", _KEY_FIELDS)
    scope = _read_scope(document, fields["scope"], partners) if "scope" in fields else frozenset()
    start = document.instant(fields["valid_from"], "`valid_from`") if "valid_from" in fields else None
    end = document.instant(fields["valid_until"], "`valid_until`") if "valid_until" in fields else None
    if start is not None and end is not None and end <= start:
        document.note(
            fields["valid_until"],
            f"`valid_until` {describe(fields['valid_until'])}",
            f"a time after `valid_from` {describe(fields['valid_from'])}",
        )
    return None if start is None else Key(key_id, scope, start, end)


def _read_scope(document: Document, node: yaml.Node, partners: Mapping[str, Partner]) -> frozenset[str]:
    """The partners a key is shared with: whoever holds it can reverse what the others hash with it."""
    scope: set[str] = set()
    for item in document.items(node, "`scope`, the partners that hold the key"):
        found = document.text(item, "a partner")
        if found is None:
            continue
        if partners and found not in partners:
            expected = f"a partner of this file: {one_of(partners, found)}"
            document.note(item, f"the unknown partner {quote(found)}", expected)
        elif found in scope:
            document.note(item, f"{quote(found)} a second time in `scope`", "it once")
        scope.add(found)
    return frozenset(scope)

"""Ranks of queue records as text, and those of an entry that are remembered. Pure."""

from collections.abc import Mapping
from typing import Final

Rank = tuple[int, int, bool]
"""Revision, stay, withdrawn: of two records of an entry the one of higher rank speaks."""

MAX_RANKS: Final = 64
"""So many of an entry are remembered, the highest: a partner may send revisions without end. Also the first of each
stay."""


def written(rank: Rank) -> str:
    """A rank as text."""
    revision, tenure, withdrawn = rank
    return f"{revision}.{tenure}{'w' if withdrawn else ''}"


def parsed(text: str) -> Rank:
    """The rank of a text."""
    revision, _, tenure = text.removesuffix("w").partition(".")
    return int(revision), int(tenure), text.endswith("w")


def remembered(found: Mapping[Rank, int]) -> list[tuple[Rank, int]]:
    """What is remembered of ranks and when the first record of each came (Unix ms), in order of rank.

    The same in whatever order they are read: what was forgotten once is never wanted again.
    """
    ranks = sorted(found)
    if len(ranks) <= MAX_RANKS:
        return [(rank, found[rank]) for rank in ranks]
    first: dict[int, Rank] = {}
    for rank in ranks:
        known = first.setdefault(rank[1], rank)
        if found[rank] < found[known]:
            first[rank[1]] = rank
    return [(rank, found[rank]) for rank in sorted({*ranks[-MAX_RANKS:], *first.values()})]

"""All that an operator decides, read and checked once, before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from policy import desk_file, pace_file, partner_file, triage_file
from policy.desks import DeskTable
from policy.partners import PartnerTable
from policy.problems import ConfigurationError, Problem
from policy.triage import TriagePolicy

__all__ = ["Configuration", "ConfigurationError", "Problem", "load"]

_FILES = (desk_file.NAME, partner_file.NAME, triage_file.NAME)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The three files as values."""

    desks: DeskTable
    partners: PartnerTable
    triage: TriagePolicy


def load(directory: Path) -> Configuration:
    """Read `desks.yaml`, `partners.yaml` and `triage.yaml`, or the `pace.yaml` that says where these are.

    ConfigurationError with every mistake in them.
    """
    pace = pace_file.read_pace(directory, _FILES)
    if pace is None:
        return _load(directory, None)
    if pace.like is None:
        raise ConfigurationError(_in_order(pace.problems))
    return _load(pace.like, pace)


def _load(directory: Path, pace: pace_file.Pace | None) -> Configuration:
    desks, in_desks = desk_file.read_desks(directory / desk_file.NAME)
    partners, in_partners = partner_file.read_partners(directory / partner_file.NAME)
    triage, in_triage = triage_file.read_triage(directory / triage_file.NAME)
    if pace is not None and not in_desks:  # on a table that is of no use, nothing can be laid
        desks = pace.lay_over(desks, directory / desk_file.NAME)
    in_pace = [] if pace is None else pace.problems
    if problems := _in_order(in_desks, in_partners, in_triage, in_pace):
        raise ConfigurationError(problems)
    return Configuration(desks, partners, triage)


def _in_order(*files: list[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for found in files for problem in sorted(found, key=lambda problem: problem.line or 0))

"""All that an operator decides, read and checked once, before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from policy import desk_file, partner_file, triage_file
from policy.desks import DeskTable
from policy.partners import PartnerTable
from policy.problems import ConfigurationError, Problem
from policy.triage import TriagePolicy

__all__ = ["Configuration", "ConfigurationError", "Problem", "load"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The three files as values."""

    desks: DeskTable
    partners: PartnerTable
    triage: TriagePolicy


def load(directory: Path) -> Configuration:
    """Read `desks.yaml`, `partners.yaml` and `triage.yaml`; ConfigurationError with every mistake in them."""
    desks, in_desks = desk_file.read_desks(directory / desk_file.NAME)
    partners, in_partners = partner_file.read_partners(directory / partner_file.NAME)
    triage, in_triage = triage_file.read_triage(directory / triage_file.NAME)
    problems = [
        problem
        for found in (in_desks, in_partners, in_triage)
        for problem in sorted(found, key=lambda problem: problem.line or 0)
    ]
    if problems:
        raise ConfigurationError(tuple(problems))
    return Configuration(desks, partners, triage)

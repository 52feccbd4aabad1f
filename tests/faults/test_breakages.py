"""Each breakage still finds what it takes out, and what it leaves can be loaded."""

import ast
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.breakages import BREAKAGES, Breakage, Misplaced
from tests.faults.breakages.__main__ import BrokenLoader
from tests.faults.ledger.breakages import BREAKAGES as OF_THE_LEDGER
from tests.faults.notifier.breakages import BREAKAGES as OF_THE_NOTIFIER
from tests.faults.schedule import BY_NAME
from tests.notices.account import KINDS

EVERY = (*BREAKAGES, *OF_THE_LEDGER, *OF_THE_NOTIFIER)


def source_of(breakage: Breakage) -> tuple[str, str]:
    spec = importlib.util.find_spec(breakage.module)
    assert spec is not None
    assert spec.origin is not None
    return spec.origin, Path(spec.origin).read_text()


@pytest.mark.parametrize("breakage", EVERY, ids=lambda breakage: breakage.name)
def test_a_breakage_changes_the_module_as_it_is_today(breakage: Breakage) -> None:
    path, source = source_of(breakage)
    broken = breakage.apply(source)
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(source))
    assert BrokenLoader(breakage, path).get_code(breakage.module).co_filename == path


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_breakage_is_shown_by_faults_that_exist(breakage: Breakage) -> None:
    assert breakage.shown_by
    assert set(breakage.shown_by) <= BY_NAME.keys()


@pytest.mark.parametrize("breakage", OF_THE_NOTIFIER, ids=lambda breakage: breakage.name)
def test_a_breakage_of_the_notifier_shows_in_the_sinks_log(breakage: Breakage) -> None:
    assert breakage.shown_by
    assert set(breakage.shown_by) <= set(KINDS)


@pytest.mark.parametrize("times", [0, 2])
def test_a_breakage_that_finds_its_place_no_more_says_so(times: int) -> None:
    breakage = replace(BREAKAGES[0], changes=(("fence()", ""),))
    with pytest.raises(Misplaced, match=f"{times} places"):
        breakage.apply("fence()\n" * times)

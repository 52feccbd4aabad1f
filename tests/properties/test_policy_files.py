"""Whatever an operator's files hold, reading gives a value or its mistakes, never an exception."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.configuration import ConfigurationError, load
from policy.desk_file import read_desks
from policy.partner_file import read_partners
from policy.problems import Problem
from policy.triage_file import read_triage

DEPLOY = Path(__file__).parents[2] / "deploy"
READERS = {"desks": read_desks, "partners": read_partners, "triage": read_triage}
SOURCES = {name: (DEPLOY / f"{name}.yaml").read_bytes() for name in READERS}
TOLD = """desks:
  nl:
    notify:
      time_zone: Europe/Amsterdam
      quiet: {from: 22:00, until: 07:00}
      digest: 08:30
      report_numbers: true
      channels:
        duty: {webhook: https://duty.police.example/n, secret_file: nl.keys, networks: [10.1.0.0/16, fd00::/32]}
        mail: {email: [duty@police.example]}
        topic: {kafka: true}
      ladder:
        - {after: 0s, channels: [duty, topic]}
        - {after: 15m, channels: [duty, mail]}
      repeat: 4h
operator: {notify: {channels: {mail: {email: o@p.example}}}}
"""
PACE = (DEPLOY / "demo" / "pace.yaml").read_bytes().replace(b"like: ..", f"like: {DEPLOY}".encode())
PIECES = st.sampled_from(
    [b"", b"\n", b"  ", b"\t", b":", b": ", b"- ", b"{", b"}", b"[", b"]", b",", b"'", b'"', b"&a ", b"*a"]
) | st.sampled_from(
    [b"!!x ", b"<<: ", b"? ", b"| ", b"# ", b"---\n", b"\xff", b"\x00", b"zz", b"NO", b"null", b"~", b"1e9"]
)


def problems_in(name: str, content: bytes) -> list[Problem]:
    """Every problem is checked to be one line that names the file and a line of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_bytes(content)
        _, problems = READERS[name](path)
    for problem in problems:
        assert problem.file == str(path)
        assert problem.line is None or 1 <= problem.line <= len(content.splitlines()) + 2
        assert problem.found
        assert problem.expected
        assert len(str(problem).splitlines()) == 1
    return problems


def problems_at_pace(content: bytes) -> tuple[Problem, ...]:
    """Of a directory with a pace file alone, whose `like` is a path from the root."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pace.yaml"
        path.write_bytes(content)
        try:
            load(Path(folder))
        except ConfigurationError as error:
            return error.problems
    return ()


@pytest.mark.parametrize("name", ["partners", "triage"])
@given(data=st.data())
@settings(deadline=None)
def test_a_small_change_anywhere(name: str, data: st.DataObject) -> None:
    source = SOURCES[name]
    start = data.draw(st.integers(0, len(source)))
    end = min(len(source), start + data.draw(st.integers(0, 12)))
    problems_in(name, source[:start] + data.draw(PIECES) + source[end:])


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_a_small_change_anywhere_in_the_desk_file(data: st.DataObject) -> None:
    source = SOURCES["desks"]
    start = data.draw(st.integers(0, len(source)))
    end = min(len(source), start + data.draw(st.integers(0, 12)))
    problems_in("desks", source[:start] + data.draw(PIECES) + source[end:])


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=80))
@settings(deadline=None)
def test_bytes_that_are_no_configuration_are_always_a_problem(name: str, content: bytes) -> None:
    assert problems_in(name, content)


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_a_small_change_anywhere_in_a_pace_file(data: st.DataObject) -> None:
    source = PACE
    start = data.draw(st.integers(0, len(source)))
    end = min(len(source), start + data.draw(st.integers(0, 12)))
    for problem in problems_at_pace(source[:start] + data.draw(PIECES) + source[end:]):
        assert problem.found
        assert problem.expected
        assert len(str(problem).splitlines()) == 1


@given(data=st.data())
@settings(deadline=None)
def test_a_small_change_anywhere_in_who_is_told(data: st.DataObject) -> None:
    source = TOLD.encode()
    start = data.draw(st.integers(0, len(source)))
    end = min(len(source), start + data.draw(st.integers(0, 12)))
    problems_in("desks", source[:start] + data.draw(PIECES) + source[end:])


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_bytes_that_are_no_pace_file_are_always_a_problem(content: bytes) -> None:
    assert problems_at_pace(content)

"""Records in files: what counts as one, where it stands, and what is kept of it."""

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import MAX_BYTES
from services.console.records import KEPT_BYTES, files, is_document, read_records, size_bytes
from services.runtime.exits import WrongUse


def written(directory: Path, content: bytes, name: str = "reports.ndjson") -> str:
    file = directory / name
    file.write_bytes(content)
    return str(file)


def found(name: str) -> list[tuple[int, bytes]]:
    return [(record.line, record.value) for record in read_records(name)]


def test_a_line_is_a_record_and_an_empty_one_is_none(tmp_path: Path) -> None:
    assert found(written(tmp_path, b'{"a":1}\n\n{"b":2}\r\n\r\n{"c"')) == [
        (1, b'{"a":1}'),
        (3, b'{"b":2}'),
        (5, b'{"c"'),
    ]


def test_a_document_over_several_lines_is_one_record(tmp_path: Path) -> None:
    assert found(written(tmp_path, b'{\n  "a": 1\n}\n', "one.json")) == [(1, b'{\n  "a": 1\n}')]


def test_a_file_called_json_may_hold_lines(tmp_path: Path) -> None:
    assert found(written(tmp_path, b'{"a":1}\n{"b":2}\n', "two.json")) == [(1, b'{"a":1}'), (2, b'{"b":2}')]


def test_a_broken_first_line_does_not_swallow_the_rest(tmp_path: Path) -> None:
    assert found(written(tmp_path, b'{"a":\n{"b":2}\n', "x.txt")) == [(1, b'{"a":'), (2, b'{"b":2}')]


def test_an_ndjson_file_is_lines_whatever_is_in_it(tmp_path: Path) -> None:
    assert found(written(tmp_path, b"{\n1\n}\n", "x.ndjson")) == [(1, b"{"), (2, b"1"), (3, b"}")]


def test_an_empty_file_has_no_record(tmp_path: Path) -> None:
    assert found(written(tmp_path, b"")) == []
    assert found(written(tmp_path, b"", "empty.json")) == []


def test_of_an_endless_record_only_a_part_is_kept_and_the_next_is_whole(tmp_path: Path) -> None:
    long, short = read_records(written(tmp_path, b"x" * (KEPT_BYTES + 100) + b'\n{"b":2}\n'))
    assert (len(long.value), long.cut) == (KEPT_BYTES, True)
    assert (short.line, short.value, short.cut) == (2, b'{"b":2}', False)
    assert short.end_byte == KEPT_BYTES + 100 + 1 + 8
    assert KEPT_BYTES > MAX_BYTES


def test_an_endless_document_is_cut_too(tmp_path: Path) -> None:
    content = b"{\n" + b"1" * (2 * KEPT_BYTES)
    (document,) = read_records(written(tmp_path, content, "long.json"))
    assert document.cut
    assert document.end_byte == len(content)


def test_a_directory_stands_for_its_json_files_by_name(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    wanted = [written(tmp_path, b"", name) for name in ("a.ndjson", "b.json", "inner/c.jsonl")]
    written(tmp_path, b"", "notes.txt")
    assert files([str(tmp_path)]) == wanted


def test_a_directory_without_records_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no \.json"):
        files([str(tmp_path)])


def test_a_file_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="no such file"):
        files(["nowhere.ndjson"])


def test_standard_input_is_read_once_and_has_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a":1}\n')))
    assert size_bytes(["-"]) is None
    assert [record.place for record in read_records("-")] == ["stdin:1"]
    with pytest.raises(WrongUse, match="once"):
        files(["-", "-"])


@given(st.lists(st.binary(min_size=1).filter(lambda line: not set(line) & set(b"\r\n"))))
def test_no_line_is_lost_or_changed(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    name = written(tmp_path_factory.mktemp("lines"), b"\n".join(lines))
    assert [record.value for record in read_records(name)] == lines


@pytest.mark.parametrize(
    ("first", "second", "document"),
    [
        (b"{", b'  "a": 1', True),
        (b'{"a":1}', b"", False),
        (b'{"a":1}', b"rubbish", False),
        (b"rubbish", b"{", False),
        (b"[", b"{", True),
    ],
)
def test_what_begins_a_document(first: bytes, second: bytes, document: bool) -> None:
    assert is_document([(first, len(first)), (second, len(second))]) is document

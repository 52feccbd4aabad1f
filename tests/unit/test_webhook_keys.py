"""The secret file of a webhook: what it may hold, and that no mistake in it shows a key."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.runtime.webhook_keys import WrongKeys, parse_keys, read_keys

SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()


def line(prefix: str, key: bytes) -> str:
    return f"{prefix}{base64.b64encode(key).decode()}\n"


ONE, TWO, THREE = (line("whsec_", bytes([number]) * 32) for number in (1, 2, 3))


def test_both_kinds_and_two_of_each_are_kept_in_the_order_of_the_file() -> None:
    text = f"# new\n{TWO}\n{ONE}{line('whsk_', SEED)}{line('whsk_', bytes(32))}"
    keys = parse_keys(text.encode())
    assert keys.secrets == (bytes([2]) * 32, bytes([1]) * 32)
    assert [key.private_bytes_raw() for key in keys.private] == [SEED, bytes(32)]


def test_an_ed25519_key_may_have_its_public_key_after_it() -> None:
    (key,) = parse_keys(line("whsk_", SEED + PUBLIC).encode()).private
    assert key.private_bytes_raw() == SEED


def test_lines_of_another_system_end_as_they_do_there() -> None:
    assert len(parse_keys(f"{ONE}{TWO}".replace("\n", "\r\n").encode()).secrets) == 2


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("", None, "no key"),
        ("# nothing\n\n", None, "no key"),
        (f"{ONE}sesame\n", 2, "a line that is no key"),
        (f"{ONE}{ONE}", 2, "a key a second time"),
        (f"{ONE}{TWO}\n{THREE}", 4, "a third key of a kind"),
        ("whsec_sesame!\n", 1, "not base64"),
        ("whsec_c2VzYW1l\n", 1, "a secret of 6 bytes"),
        (line("whsec_", b"s" * 65), 1, "a secret of 65 bytes"),
        (line("whsk_", b"sesame"), 1, "an ed25519 key of 6 bytes"),
        (line("whsk_", SEED + bytes(32)), 1, "another's public key"),
        (line("whpk_", PUBLIC), 1, "a line that is no key"),
    ],
)
def test_what_is_wrong_is_told_by_its_line_and_shows_no_key(text: str, where: int | None, found: str) -> None:
    with pytest.raises(WrongKeys) as raised:
        parse_keys(text.encode())
    assert raised.value.line == where
    assert found in raised.value.found
    assert "sesame" not in str(raised.value)


def test_a_file_that_is_not_there_and_one_that_is_no_file_of_keys(tmp_path: Path) -> None:
    with pytest.raises(WrongKeys, match="no such file"):
        read_keys(tmp_path / "none")
    with pytest.raises(WrongKeys, match="cannot be read"):
        read_keys(tmp_path)
    (tmp_path / "large").write_bytes(b"\n" * 20_000)
    with pytest.raises(WrongKeys, match="more than"):
        read_keys(tmp_path / "large")


def test_the_keys_are_in_no_text_of_them() -> None:
    keys = parse_keys(ONE.encode())
    assert repr(keys.secrets[0]) not in repr(keys)

"""The keys of a webhook, from its secret file: Standard Webhooks 1.0.0, `whsec_` and `whsk_`.

A line each, one or two of each kind, the newer first: while a key is exchanged both sign. Empty lines and lines that
begin with `#` are passed over. No error shows anything of the file.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SYMMETRIC: Final = "whsec_"
ASYMMETRIC: Final = "whsk_"
MOST_OF_A_KIND: Final = 2
_MOST_BYTES: Final = 16_384
_SEED_BYTES: Final = 32


class WrongKeys(Exception):  # noqa: N818 - said as it reads
    """The file cannot be used. `line` counts from 1, None where the whole file is meant."""

    def __init__(self, line: int | None, found: str, expected: str) -> None:
        super().__init__(f"found {found}; expected {expected}")
        self.line, self.found, self.expected = line, found, expected


@dataclass(frozen=True, slots=True, repr=False)
class WebhookKeys:
    """`secrets` sign with HMAC-SHA256 (`v1`), `private` with ed25519 (`v1a`); at least one of them all."""

    secrets: tuple[bytes, ...]
    private: tuple[Ed25519PrivateKey, ...]


def read_keys(path: Path) -> WebhookKeys:
    """The keys in a file. WrongKeys where it cannot be read or holds anything else."""
    try:
        with path.open("rb") as file:
            source = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise WrongKeys(None, "no such file", "the secret file that a webhook of desks.yaml names") from None
    except OSError as error:
        raise WrongKeys(None, f"a file that cannot be read ({error.strerror})", "a readable file") from None
    if len(source) > _MOST_BYTES:
        raise WrongKeys(None, f"more than {_MOST_BYTES} bytes", "a few lines with a key each")
    return parse_keys(source)


def parse_keys(source: bytes) -> WebhookKeys:
    """The keys in a file's bytes. WrongKeys where there is anything else."""
    secrets: dict[bytes, None] = {}
    seeds: dict[bytes, None] = {}
    for number, line in enumerate(source.split(b"\n"), 1):
        text = line.decode("ascii", "replace").strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith(SYMMETRIC):
            kind, key = secrets, _secret(text.removeprefix(SYMMETRIC), number)
        elif text.startswith(ASYMMETRIC):
            kind, key = seeds, _seed(text.removeprefix(ASYMMETRIC), number)
        else:
            raise WrongKeys(number, "a line that is no key", f"`{SYMMETRIC}…` or `{ASYMMETRIC}…`, and base64")
        if key in kind:
            raise WrongKeys(number, "a key a second time", "each key once")
        if len(kind) == MOST_OF_A_KIND:
            raise WrongKeys(number, "a third key of a kind", "at most two of a kind: the old one and the new one")
        kind[key] = None
    if not secrets and not seeds:
        raise WrongKeys(None, "no key", f"a line with `{SYMMETRIC}…` or `{ASYMMETRIC}…`")
    return WebhookKeys(tuple(secrets), tuple(_private(seeds)))


def _private(seeds: Iterable[bytes]) -> Iterable[Ed25519PrivateKey]:
    return (Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds)


def _decoded(text: str, number: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise WrongKeys(number, "a key that is not base64", "standard base64 with its padding") from None


def _secret(text: str, number: int) -> bytes:
    key = _decoded(text, number)
    if not 24 <= len(key) <= 64:
        raise WrongKeys(number, f"a secret of {len(key)} bytes", "24 to 64 random bytes")
    return key


def _seed(text: str, number: int) -> bytes:
    """32 bytes, or 64 as libsodium writes it: the public key after them, which must then be theirs."""
    key = _decoded(text, number)
    seed = key[:_SEED_BYTES]
    if len(key) == _SEED_BYTES:
        return seed
    if len(key) != 2 * _SEED_BYTES:
        raise WrongKeys(number, f"an ed25519 key of {len(key)} bytes", "32, or 64 with the public key after it")
    if Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() != key[_SEED_BYTES:]:
        raise WrongKeys(number, "an ed25519 key with another's public key", "the two that belong together")
    return seed

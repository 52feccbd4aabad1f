"""Whether a webhook is from who has the keys: a receiver's own reading of Standard Webhooks 1.0.0.

It shares no line with what signs, so that the two can disagree.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TOLERANCE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, repr=False)
class Trusted:
    """What a receiver was given: shared secrets, and public keys."""

    secrets: tuple[bytes, ...]
    public: tuple[Ed25519PublicKey, ...]


def read_trusted(lines: Sequence[str]) -> Trusted:
    """From the lines of a secret file: of a private key, its public one. ValueError where a line is no key."""
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    secrets = tuple(base64.b64decode(key[6:]) for key in keys if key.startswith("whsec_"))
    seeds = [base64.b64decode(key[5:])[:32] for key in keys if key.startswith("whsk_")]
    given = [base64.b64decode(key[5:]) for key in keys if key.startswith("whpk_")]
    derived = [Ed25519PrivateKey.from_private_bytes(seed).public_key() for seed in seeds]
    public = (*derived, *(Ed25519PublicKey.from_public_bytes(key) for key in given))
    if len(secrets) + len(public) != len(keys):
        raise ValueError("a line that is no key")
    return Trusted(secrets, tuple(public))


def verify(headers: Mapping[str, str], body: bytes, trusted: Trusted, now_seconds: float) -> bool:
    """Whether one signature is by a trusted key and the time of the try is within five minutes of now."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15):
        return False
    if abs(now_seconds - int(stamp)) > TOLERANCE_SECONDS:
        return False
    signed = b".".join((message_id.encode(), stamp.encode(), body))
    return any(
        _holds(version, value, signed, trusted) for version, value in _signatures(headers.get("webhook-signature", ""))
    )


def _signatures(header: str) -> Iterator[tuple[str, bytes]]:
    for part in header.split(" "):
        version, comma, value = part.partition(",")
        try:
            if comma:
                yield version, base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue


def _holds(version: str, value: bytes, signed: bytes, trusted: Trusted) -> bool:
    if version == "v1":
        made = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in trusted.secrets)
        return any(hmac.compare_digest(value, one) for one in made)
    return version == "v1a" and any(_verifies(key, value, signed) for key in trusted.public)


def _verifies(key: Ed25519PublicKey, value: bytes, signed: bytes) -> bool:
    try:
        key.verify(value, signed)
    except InvalidSignature:
        return False
    return True

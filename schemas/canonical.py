"""The canonical form of an envelope, and its digest. What leaves is this form, never the bytes that came in."""

from hashlib import sha256
from typing import Final

from schemas.envelope import Envelope

DIGEST_VERSION: Final = 1
"""Raise it when the canonical form changes: digests of two versions are not compared."""

_serialise = Envelope.__pydantic_serializer__.to_json
_PREFIX: Final = len('{"submitted_at":"')


def canonical(envelope: Envelope) -> bytes:
    """UTF-8 JSON in the model's field order, no white space, fields at their default left out."""
    return _serialise(envelope, exclude_defaults=True)


def digest(canonical_form: bytes) -> int:
    """First 8 bytes of SHA-256 over the canonical form without `submitted_at`, so that a plain resend is equal."""
    start = canonical_form.index(b'"', _PREFIX) + 2
    return int.from_bytes(sha256(canonical_form[start:]).digest()[:8], "big")

"""The headers of a Standard Webhook 1.0.0: every valid key signs `<id>.<timestamp>.<body>`."""

import base64
import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.runtime.webhook_keys import WebhookKeys, WrongKeys, read_keys

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""Without a full stop, which parts what is signed."""

_Stamp = tuple[int, int, int]


def signed_headers(keys: WebhookKeys, message_id: str, at_ms: int, body: bytes) -> dict[str, str]:
    """The three headers. `at_ms`: the time of this try. ValueError for an id that could blur what is signed."""
    if not _ID.fullmatch(message_id):
        raise ValueError("a message's id is 1 to 128 of A-Z, a-z, 0-9, _ and -")
    timestamp = str(at_ms // 1000)
    content = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signatures(keys, content)),
    }


def _signatures(keys: WebhookKeys, content: bytes) -> Iterator[str]:
    for secret in keys.secrets:
        yield "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    for private in keys.private:
        yield "v1a," + base64.b64encode(private.sign(content)).decode()


class KeyFiles:
    """The keys of each secret file, read again when the file has changed."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[_Stamp, WebhookKeys]] = {}

    def keys(self, path: Path) -> WebhookKeys:
        """The keys that are in it now. WrongKeys where it cannot be used."""
        stamp = _stamp(path)
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            known = self._read[path] = (stamp, read_keys(path))
        return known[1]


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        raise WrongKeys(None, "no such file, or no way to it", "the secret file that a webhook names") from None
    return found.st_mtime_ns, found.st_size, found.st_ino

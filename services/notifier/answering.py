"""How a message is answered: its token, made with a key that only this notifier's database has. Pure.

A token stands for one message: its group, and the newest notice that it speaks for. Used again it changes nothing, so
that a mail that lies about opens and closes nothing.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from msgspec import Struct


class Invitation(Struct, frozen=True):
    """How to answer a message (`schemas.message.Answering`)."""

    url: str
    page: str
    token: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """`public_url`: where whoever is told reaches this notifier, without a slash at its end."""

    key: bytes
    public_url: str

    def invite(self, group: str, covers: int) -> Invitation:
        """How that message is answered."""
        token = self.token(group, covers)
        query = f"group={quote(group, safe='')}&covers={covers}&token={token}"
        return Invitation(
            url=f"{self.public_url}/acknowledge", page=f"{self.public_url}/acknowledge?{query}", token=token
        )

    def token(self, group: str, covers: int) -> str:
        """256 bits of HMAC-SHA256, in letters that a URL takes."""
        made = hmac.digest(self.key, f"{group} {covers}".encode(), sha256)
        return urlsafe_b64encode(made).rstrip(b"=").decode()

    def allows(self, group: str, covers: int, token: str) -> bool:
        """True for the token of that message."""
        return hmac.compare_digest(self.token(group, covers).encode(), token.encode())

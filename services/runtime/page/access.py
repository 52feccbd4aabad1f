"""Who may see the page: on the loopback whoever is there; elsewhere, or where a token is set, whoever has the token."""

import binascii
import hmac
from base64 import b64decode
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from services.runtime.exits import WrongUse

SHORTEST: Final = 16
"""Characters of a token: fewer can be guessed."""


@dataclass(frozen=True, slots=True)
class Access:
    """The decision. Without a token only names of the loopback are answered, so that no foreign web page can have its
    own name resolve to this machine and read along (DNS rebinding).
    """

    token: str | None

    def allows(self, authorization: str) -> bool:
        """The value of the request's Authorization header: Bearer, or Basic with the token as password."""
        if self.token is None:
            return True
        return hmac.compare_digest(_presented(authorization).encode(), self.token.encode())

    def knows(self, host: str) -> bool:
        """The value of the request's Host header."""
        if self.token is not None:
            return True
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return is_loopback(name.removeprefix("[").removesuffix("]"))


def access(host: str, token_file: Path | None, prefix: str) -> Access:
    """What settings with that prefix ask for. WrongUse where others can reach the address and there is no token."""
    if token_file is not None:
        return Access(_read(token_file, prefix))
    if not is_loopback(host):
        raise WrongUse(
            f"{prefix}TOKEN_FILE: missing; {prefix}HOST={host} can be reached from other machines, and "
            "page and API are then shown only to who has a token: name a file with one on its first line, or listen "
            "on 127.0.0.1"
        )
    return Access(None)


def read_token(file: Path) -> str:
    """The token in a file: what its first line holds, for who asks for it and for who shows it. Empty where there is
    none. Raises OSError and UnicodeDecodeError.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    return lines[0].strip() if lines else ""


def is_loopback(host: str) -> bool:
    """True where only this machine is."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _read(path: Path, prefix: str) -> str:
    try:
        token = read_token(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = type(error).__name__
        raise WrongUse(f"{prefix}TOKEN_FILE: cannot be read as UTF-8 text ({reason})") from None
    if len(token) < SHORTEST:
        raise WrongUse(
            f"{prefix}TOKEN_FILE: its first line has {len(token)} characters, expected a token of at least "
            f"{SHORTEST}; `openssl rand -hex 32` makes one"
        )
    return token


def _presented(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""

"""How an identifier is spelled before it is hashed, and the keyed hash (docs/partner-identifiers.md).

Two spellings of one address must give one hash, and two persons must never share one: where a rule can not
have both, it loses a match rather than invents one. Pure; the clear text never leaves these functions but as
the normalised bytes, and no error holds any of it.
"""

import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeVar
from uuid import UUID

import idna
import phonenumbers

from schemas.codes import IdentifierKind

MIN_KEY_BYTES: Final = 32
"""RFC 2104 section 3: a key shorter than the hash's output weakens it."""
MAX_CHARACTERS: Final = 1024
MAX_FILES: Final = 10_000

_WHITE: Final = " \t\r\n"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
T = TypeVar("T")


class NotNormalisable(ValueError):  # noqa: N818 - it is an answer about the text, not a fault of ours
    """The text is no identifier of its kind. The message says what was expected, never what was found."""


def normalise(kind: IdentifierKind, text: str) -> bytes:
    """The one spelling of an identifier, in UTF-8. Raises NotNormalisable where there is none."""
    limit = MAX_FILES * 66 if kind is IdentifierKind.FILE_SET else MAX_CHARACTERS
    stripped = text.strip(_WHITE)
    if not 0 < len(stripped) <= limit or _SURROGATE.search(stripped):
        raise NotNormalisable(f"{kind}: expected 1 to {limit} characters, none of them a lone surrogate")
    return _RULES[kind](stripped).encode()


def seal(key: bytes, kind: IdentifierKind, text: str) -> str:
    """HMAC-SHA256 over kind, a zero byte and the normalised identifier: 64 lower-case hex digits.

    Raises NotNormalisable, and ValueError for a key shorter than 32 bytes. The kind is hashed along so that
    an account that looks like a telephone number does not match that number.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a hashing key has at least {MIN_KEY_BYTES} bytes")
    return hmac.new(key, kind.encode() + b"\0" + normalise(kind, text), sha256).hexdigest()


def _refused(expected: str) -> NotNormalisable:
    return NotNormalisable(f"expected {expected}")


def _try(parse: Callable[[str], T], text: str, *errors: type[Exception]) -> T | None:
    """The parsed value, or None: the parser's own error quotes the text, and must not even be chained."""
    try:
        return parse(text)
    except errors:
        return None


# Nobody is found behind these, and many share them: a match would join strangers (RFC 6890, 5771, 4291).
_SHARED_NETWORKS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip


def _ip_address(text: str) -> str:
    address = None if "%" in text else _try(ipaddress.ip_address, text, ValueError)
    if address is None:
        raise _refused("an IPv4 or IPv6 address, without port, prefix length, brackets or zone")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address.version == network.version and address in network for network in _SHARED_NETWORKS):
        raise _refused("an address on the Internet, not a private, shared, local or multicast one")
    return address.compressed


_PHONE: Final = re.compile(r"\+[0-9 ().\-/\u00a0]{7,40}")


def _phone(text: str) -> str:
    number = (
        _try(phonenumbers.parse, text.replace("\u00a0", " "), phonenumbers.NumberParseException)
        if _PHONE.fullmatch(text)
        else None
    )
    if number is None or (
        phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE
    ):
        raise _refused("an international telephone number: +, country code, subscriber; no extension")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]+")
_ASCII_LOWER: Final = {ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
MAX_LOCAL_BYTES: Final = 64
MAX_EMAIL_BYTES: Final = 254
"""RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3 (a path is at most 256, two of them the angle brackets)."""


def _email(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if not _ATOM.fullmatch(local) or any(map(str.isspace, local)):
        raise _refused("an e-mail address: local-part@domain, unquoted, without a name or comment")
    composed = _composed(local).translate(_ASCII_LOWER)
    address = f"{composed}@{_domain(domain)}"
    if len(composed.encode()) > MAX_LOCAL_BYTES or len(address) > MAX_EMAIL_BYTES:
        raise _refused("an e-mail address of at most 254 bytes, 64 of them before the @")
    return address


def _domain(text: str) -> str:
    """A host name with a dot, as A-labels in lower case (UTS 46 non-transitional, IDNA 2008)."""
    if len(text) <= MAX_EMAIL_BYTES:
        encoded = _try(_to_a_labels, text, idna.IDNAError)
        if encoded is not None and "." in encoded and not encoded.endswith(".") and not _is_numeric(encoded):
            return encoded
    raise _refused("a domain name with at least two labels")


def _to_a_labels(text: str) -> str:
    return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")


def _is_numeric(domain: str) -> bool:
    """An address in place of a name: no top-level domain is all digits (RFC 3696 section 2)."""
    return domain.rpartition(".")[2].isdecimal()


def _composed(text: str) -> str:
    """NFC; refuses what is invisible or ends a line, which two programs would keep or drop differently."""
    composed = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in composed):
        raise _refused("text without control, format or line-breaking characters")
    return composed


def _account(text: str) -> str:
    service, colon, account = text.partition(":")
    account = _composed(account.strip(_WHITE)).removeprefix("@")
    if not colon or not account:
        raise _refused("service:account, where service is the service's domain name")
    return f"{_domain(service.strip(_WHITE))}:{account}"


_IMEI_DIGITS: Final = 14
_SEPARATORS: Final = str.maketrans("", "", " -./:")


def _imei(text: str) -> str:
    """Type allocation and serial number: the check digit and the software version say nothing more."""
    digits = text.translate(_SEPARATORS)
    if not re.fullmatch(r"[0-9]{14,16}", digits) or digits.count(digits[0]) == len(digits):
        raise _refused("imei:14 to 16 digits")
    if len(digits) == _IMEI_DIGITS + 1 and _luhn(digits) != 0:
        raise _refused("imei: 15 digits of which the last is the check digit")
    return f"imei:{digits[:_IMEI_DIGITS]}"


def _luhn(digits: str) -> int:
    """0 where the last digit is the right check digit (ISO/IEC 7812-1 annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10


def _mac(text: str) -> str:
    digits = text.translate(_SEPARATORS).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits) or digits in {"0" * 12, "f" * 12}:
        raise _refused("mac:12 hexadecimal digits, not the null or the broadcast address")
    return f"mac:{digits}"


def _uuid(text: str) -> str:
    digits = text.replace("-", "").lower()
    # A nil advertising identifier is what a telephone gives when tracking is off: millions share it.
    if not re.fullmatch(r"[0-9a-f]{32}", digits) or digits in {"0" * 32, "f" * 32}:
        raise _refused("uuid:32 hexadecimal digits, not nil")
    return f"uuid:{UUID(hex=digits)}"


_DEVICE_RULES: Final[Mapping[str, Callable[[str], str]]] = {
    "imei": _imei,
    "mac": _mac,
    "uuid": _uuid,
    "id": lambda text: f"id:{_account(text)}",
}


def _device(text: str) -> str:
    scheme, _, rest = text.partition(":")
    rule = _DEVICE_RULES.get(scheme.rstrip(_WHITE).translate(_ASCII_LOWER))
    if rule is None:
        raise _refused("imei:, mac:, uuid: or id:service: and the device's number")
    return rule(rest.strip(_WHITE))


_BETWEEN_FILES: Final = re.compile(r"[ \t\r\n,;]+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EMPTY_FILE: Final = sha256(b"").hexdigest()


def _file_set(text: str) -> str:
    digests = {part for part in _BETWEEN_FILES.split(text.translate(_ASCII_LOWER)) if part} - {_EMPTY_FILE}
    if not 0 < len(digests) <= MAX_FILES or not all(_SHA256.fullmatch(digest) for digest in digests):
        raise _refused(f"the SHA-256 of 1 to {MAX_FILES} files that are not empty, in hexadecimal")
    return "\n".join(sorted(digests))


_RULES: Final[Mapping[IdentifierKind, Callable[[str], str]]] = {
    IdentifierKind.IP_ADDRESS: _ip_address,
    IdentifierKind.ACCOUNT: _account,
    IdentifierKind.EMAIL: _email,
    IdentifierKind.PHONE: _phone,
    IdentifierKind.DEVICE: _device,
    IdentifierKind.FILE_SET: _file_set,
}

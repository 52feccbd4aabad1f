"""Single values of a `notify`: a clock time, a URL, networks, mailboxes, names of channels.

What is refused is not shown where it may hold a secret: a URL may have one in its path.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

import yaml

from policy.documents import Document, describe
from policy.problems import one_of, quote

MOST_MAILBOXES: Final = 20
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_URL: Final = re.compile(r"[!-~]{1,2000}", re.ASCII)
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAILBOX: Final = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*", re.ASCII)
"""A bare address in ASCII, without quotes and comments."""
_WHICH_URL: Final = "`webhook`: a URL such as https://desk.example/notices"


def clock(document: Document, node: yaml.Node, what: str) -> time | None:
    """A time of day, to the minute."""
    found = _CLOCK.fullmatch(node.value) if isinstance(node, yaml.ScalarNode) else None
    if found is None:
        document.note(node, describe(node), f"{what}: a time of day from 00:00 to 23:59, such as 08:30")
        return None
    return time(int(found[1]), int(found[2]))


def url(document: Document, node: yaml.Node, *, listed: bool) -> str | None:
    """An address to post to; without TLS only where the networks it may lead to are `listed`."""
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    parts = _split(text)
    if parts is None or not parts.hostname:
        document.note(node, "what is no URL" if text else describe(node), _WHICH_URL)
    elif parts.scheme != "https" and not (parts.scheme == "http" and listed):
        found = f"a URL with {quote(parts.scheme)}"
        document.note(node, found, "`https`; `http` only to what `networks` of the same channel lists")
    elif "@" in parts.netloc:
        document.note(node, "a URL with a user or a password", f"none: a message is signed. {_WHICH_URL}")
    elif "#" in text:
        document.note(node, "a URL with a fragment (`#`)", f"none: it is never sent. {_WHICH_URL}")
    else:
        return text
    return None


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        usable = _URL.fullmatch(text) and "\\" not in text and parts.port != 0
    except ValueError:
        return None
    return parts if usable and not parts.netloc.endswith(":") else None


def networks(document: Document, node: yaml.Node) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks with their length, such as 10.1.0.0/16 or fd00::/8."""
    expected = "`networks`: a network such as 10.1.0.0/16 or fd00:1::/32, without bits beyond its length"
    found = []
    for item in document.items(node, "`networks`"):
        text = item.value if isinstance(item, yaml.ScalarNode) else ""
        try:
            if "/" not in text or not text.isascii():
                raise ValueError
            network = ip_network(text)
        except ValueError:
            document.note(item, describe(item), expected)
            continue
        if network.prefixlen == 0:
            document.note(item, "a network that is every address", expected)
            continue
        found.append(network)
    return tuple(found)


def mailboxes(document: Document, node: yaml.Node) -> tuple[str, ...]:
    """Bare addresses, each once. Nothing that could begin a header of its own passes."""
    items = document.items(node, "`email`")
    if len(items) > MOST_MAILBOXES:
        document.note(node, f"{len(items)} addresses", f"at most {MOST_MAILBOXES}: a list at your mail server")
    found: dict[str, None] = {}
    for item in items:
        text = item.value if isinstance(item, yaml.ScalarNode) else ""
        if not MAILBOX.fullmatch(text):
            document.note(item, describe(item), "`email`: an address such as duty@police.example, without a name")
        elif text in found:
            document.note(item, f"{quote(text)} a second time", "each address once")
        else:
            found[text] = None
    return tuple(found)


def names(document: Document, node: yaml.Node, channels: Mapping[str, object]) -> Iterator[str]:
    """The channels of a step, each one that there is, and once."""
    seen: set[str] = set()
    for item in document.items(node, "`channels` of a step"):
        text = item.value if isinstance(item, yaml.ScalarNode) else ""
        if text not in channels:
            found = f"the unknown channel {quote(text)}" if text else describe(item)
            document.note(item, found, f"a channel of this desk: {one_of(channels, text)}")
        elif text in seen:
            document.note(item, f"{quote(text)} a second time", "each channel once in a step")
        else:
            seen.add(text)
            yield text

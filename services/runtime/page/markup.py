"""HTML and SVG as values: whatever is not made here is escaped. Pure."""

from collections.abc import Sequence
from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset({"meta", "link", "input"})


class Html(str):
    """Text that is markup already; only this module makes it."""

    __slots__ = ()


Content: TypeAlias = str | Sequence["Content"]
Attribute: TypeAlias = str | int | float | bool | None


def fragment(*content: Content) -> Html:
    """Parts one after the other; plain text is escaped."""
    return Html("".join(map(_rendered, content)))


def element(name: str, /, *content: Content, **attributes: Attribute) -> Html:
    """One element. `class_` is class, an underscore a hyphen; None and False leave an attribute out.

    ValueError for `style` and `on…`: the content security policy forbids them, and a browser would drop them silently.
    """
    opened = [name]
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if attribute == "style" or attribute.startswith("on"):
            raise ValueError(f"attribute {attribute!r}: the content security policy forbids it; give it a class")
        if value is True:
            opened.append(attribute)
        elif value is not None and value is not False:
            opened.append(f'{attribute}="{escape(str(value))}"')
    start = f"<{' '.join(opened)}>"
    return Html(start if name in _VOID else f"{start}{fragment(*content)}</{name}>")


def document(*content: Content) -> str:
    """A whole page."""
    return f"<!doctype html>\n{fragment(*content)}\n"


def _rendered(content: Content) -> str:
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return escape(content)
    return "".join(map(_rendered, content))

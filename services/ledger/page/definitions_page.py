"""The page that says what every number means."""

from services.ledger.page.definitions import DEFINITIONS
from services.ledger.page.frame import page
from services.runtime.page.markup import Html, element, fragment


def definitions_page() -> str:
    """The page at `/definitions`."""
    title = "What the numbers mean"
    return page(title, None, element("h1", title), [_definition(anchor) for anchor in DEFINITIONS])


def _definition(anchor: str) -> Html:
    found = DEFINITIONS[anchor]
    metrics = [fragment(", " if place else "", element("code", name)) for place, name in enumerate(found.metrics)]
    return element(
        "section",
        element("h2", found.name),
        element("p", found.meaning),
        element("p", "For programs: ", metrics, class_="legend") if metrics else "",
        id=anchor,
        tabindex="-1",
    )

"""The routes of page and API, for `services.runtime.http.serve`."""

import json
import time
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from policy.configuration import Configuration
from services.ledger.figures import Figures
from services.ledger.page.api import as_csv, backlog, openapi
from services.ledger.page.definitions_page import definitions_page
from services.ledger.page.desk_page import desk_page
from services.ledger.page.frame import page
from services.ledger.page.view import World, look
from services.ledger.page.world_page import world_page
from services.runtime.page.access import Access
from services.runtime.page.frame import STYLESHEET
from services.runtime.page.guard import Endpoint, guarded
from services.runtime.page.markup import element


def routes(
    figures: Figures,
    configuration: Configuration,
    held: frozenset[str],
    access: Access,
    clock_ms: Callable[[], int] = lambda: int(time.time() * 1000),
) -> Sequence[BaseRoute]:
    """Every one asks for access and has the headers. They are plain functions: Starlette runs them beside the loop."""
    stylesheet = STYLESHEET.read_text(encoding="utf-8")
    described = json.dumps(openapi())

    def now() -> World:
        return look(figures, configuration, held, clock_ms())

    def world(_request: Request) -> Response:
        return HTMLResponse(world_page(now()))

    def desk(request: Request) -> Response:
        seen = now()
        found = seen.find(request.path_params["desk"])
        if found is None:
            return HTMLResponse(_no_such_desk(), status_code=404)
        return HTMLResponse(desk_page(seen, found))

    def definitions(_request: Request) -> Response:
        return HTMLResponse(definitions_page())

    def backlog_json(request: Request) -> Response:
        if _wants_csv(request):
            return backlog_csv(request)
        return Response(backlog(now()).model_dump_json(), media_type="application/json", headers={"Vary": "Accept"})

    def backlog_csv(_request: Request) -> Response:
        named = {"Content-Disposition": 'attachment; filename="backlog.csv"', "Vary": "Accept"}
        return Response(as_csv(backlog(now())), media_type="text/csv; charset=utf-8; header=present", headers=named)

    def description(_request: Request) -> Response:
        return Response(described, media_type="application/json")

    def style(_request: Request) -> Response:
        return Response(stylesheet, media_type="text/css")

    endpoints: dict[str, Endpoint] = {
        "/": world,
        "/desks/{desk}": desk,
        "/definitions": definitions,
        "/api/backlog": backlog_json,
        "/api/backlog.csv": backlog_csv,
        "/api/openapi.json": description,
        "/page.css": style,
    }
    return [Route(path, guarded(endpoint, access, "ledger")) for path, endpoint in endpoints.items()]


def _wants_csv(request: Request) -> bool:
    """By `?format=csv`; otherwise by the Accept header, where it names CSV and not JSON."""
    if asked := request.query_params.get("format"):
        return asked == "csv"
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _no_such_desk() -> str:
    return page(
        "No such desk",
        None,
        element("h1", "No such desk"),
        element("p", "This ledger holds no desk of that name. ", element("a", "All desks", href="/"), "."),
    )

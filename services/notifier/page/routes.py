"""The routes of page and API, for `services.runtime.http.serve`."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.notifier.answering import Tokens
from services.notifier.page.office import Office, Said
from services.notifier.page.pages import button_page, told_page, word_page
from services.notifier.page.view import Told, look
from services.runtime.page.access import Access
from services.runtime.page.frame import HEADERS, STYLESHEET
from services.runtime.page.guard import Endpoint, guarded, refusal

LONGEST: Final = 4_096
"""Bytes of a request: nothing that is asked needs more."""
SERVICE: Final = "notifier"
_WITH_FORM: Final = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
}


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


A = TypeVar("A", bound=_Asked)


class Acknowledgement(_Asked):
    """What is answered: a group, through a notice; with the message's token, or as who runs this."""

    group: str = Field(max_length=96)
    covers: int | None = Field(None, ge=0, le=2**53 - 1)
    token: str | None = Field(None, max_length=128)


class TestAsked(_Asked):
    """Whose channels are tested."""

    desk: str = Field(max_length=32)


class EnableAsked(_Asked):
    """Which endpoint is tried again."""

    desk: str = Field(max_length=32)
    channel: str = Field(max_length=32)


def routes(office: Office, tokens: Tokens, access: Access) -> Sequence[BaseRoute]:
    """Reading asks for access; so does doing, but for an answer that bears its message's token."""
    stylesheet = STYLESHEET.read_text(encoding="utf-8")

    def now(request: Request) -> Told:
        desk = request.query_params.get("desk")
        return look(office.database, office.ladders.whom, office.figures, int(time.time() * 1000), desk)

    def unknown(request: Request) -> Said | None:
        desk = request.query_params.get("desk")
        return None if desk is None else office.unknown(desk)

    def page(request: Request) -> Response:
        if (said := unknown(request)) is not None:
            return _word(said.status, "No such desk", "Neither the configuration has it nor anything that is kept.")
        return HTMLResponse(told_page(now(request)))

    def notices(request: Request) -> Response:
        if (said := unknown(request)) is not None:
            return _answered(said)
        return Response(now(request).model_dump_json(), media_type="application/json")

    def tested(request: Request) -> Response:
        return _answered(office.tested(request.path_params["desk"]))

    def style(_request: Request) -> Response:
        return Response(stylesheet, media_type="text/css", headers=HEADERS)

    def button(request: Request) -> Response:
        """Changes nothing."""
        given = request.query_params
        try:
            asked = Acknowledgement(group=given["group"], covers=int(given["covers"]), token=given["token"])
        except (KeyError, ValueError):
            return _word(400, "Not a link of a message", "It is not whole: open the link in the message itself.")
        assert asked.covers is not None
        assert asked.token is not None
        if not tokens.allows(asked.group, asked.covers, asked.token):
            return _word(401, "Not a link of a message", "Its token is not one that this notifier made.")
        return HTMLResponse(button_page(asked.group, asked.covers, asked.token), headers=_WITH_FORM)

    async def acknowledge(request: Request) -> Response:
        """By the token of a message from anywhere; without one as who runs this, and then only in JSON: no foreign
        page's form can send that."""
        body = await _body(request)
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        asked = _read(Acknowledgement, _fields(body) if form else body)
        if asked is None:
            words = 'Expected {"group": …, "covers": …, "token": …}, as the message has them.'
            return _word(400, "Not an answer", words) if form else _refused(400, words)
        if asked.token is not None:
            if asked.covers is None or not tokens.allows(asked.group, asked.covers, asked.token):
                words = "The token is not that of a message of this group and number."
                return _word(401, "Not an answer", words) if form else _refused(401, words)
        elif form:
            return _word(401, "Not an answer", "A message's token is needed.")
        elif (refused := _operator(request)) is not None:
            return refused
        said = await run_in_threadpool(office.acknowledge, asked.group, asked.covers)
        return _word(said.status, "Answered" if said.status == 200 else "Not answered", said.words) if form else (
            _answered(said)
        )  # fmt: skip

    async def test(request: Request) -> Response:
        asked = _read(TestAsked, await _body(request))
        if (refused := _operator(request)) is not None:
            return refused
        if asked is None:
            return _refused(400, 'Expected {"desk": …}.')
        return _answered(await run_in_threadpool(office.test, asked.desk))

    async def enable(request: Request) -> Response:
        asked = _read(EnableAsked, await _body(request))
        if (refused := _operator(request)) is not None:
            return refused
        if asked is None:
            return _refused(400, 'Expected {"desk": …, "channel": …}.')
        return _answered(await run_in_threadpool(office.enable, asked.desk, asked.channel))

    def _operator(request: Request) -> Response | None:
        if (refused := refusal(request, access, SERVICE)) is not None:
            refused.headers.update(HEADERS)
            return refused
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _refused(415, "Expected application/json.")
        return None

    reading: dict[str, Endpoint] = {"/": page, "/api/notices": notices, "/api/test/{desk}": tested}
    doing: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/acknowledge": acknowledge,
        "/api/test": test,
        "/api/enable": enable,
    }
    return [
        *(Route(path, guarded(endpoint, access, SERVICE)) for path, endpoint in reading.items()),
        Route("/page.css", style),
        Route("/acknowledge", button, methods=["GET"]),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in doing.items()),
    ]


async def _body(request: Request) -> bytes:
    """Its first bytes; what is longer is nothing that is asked here."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            return b""
    return body


def _fields(body: bytes) -> bytes:
    """A form as JSON."""
    try:
        given = {name: values[0] for name, values in parse_qs(body.decode("ascii")).items()}
        return json.dumps(given | {"covers": int(given["covers"])}).encode()
    except (KeyError, ValueError):
        return b""


def _read(model: type[A], body: bytes) -> A | None:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None


def _answered(said: Said) -> Response:
    return JSONResponse(said.document, status_code=said.status, headers=HEADERS)


def _refused(status: int, words: str, **document: Any) -> Response:
    return JSONResponse({"message": words, **document}, status_code=status, headers=HEADERS)


def _word(status: int, title: str, words: str) -> Response:
    return HTMLResponse(word_page(title, words), status_code=status, headers=HEADERS)

"""Every answer asks for access first, and has the headers that a browser needs to be careful."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from services.runtime.page.access import Access
from services.runtime.page.frame import HEADERS

Endpoint = Callable[[Request], Response]


def guarded(endpoint: Endpoint, access: Access, service: str) -> Endpoint:
    """The same for who may see it. A plain function: Starlette runs it beside the loop."""

    def answer(request: Request) -> Response:
        response = refusal(request, access, service) or endpoint(request)
        response.headers.update(HEADERS)
        return response

    return answer


def refusal(request: Request, access: Access, service: str) -> Response | None:
    """What is said to who may not; None for who may."""
    if not access.knows(request.headers.get("host", "")):
        words = f"This {service} is open on this machine alone: ask it as 127.0.0.1 or localhost.\n"
        return PlainTextResponse(words, status_code=421)
    if not access.allows(request.headers.get("authorization", "")):
        response = PlainTextResponse("A token is needed: Bearer, or as the password of any user.\n", status_code=401)
        response.headers["WWW-Authenticate"] = 'Basic realm="referrals", charset="UTF-8"'
        return response
    return None

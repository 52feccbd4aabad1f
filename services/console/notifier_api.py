"""The notifier's HTTP API, as commands ask it."""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

import typer

from services.console import output
from services.console.token_file import token_of
from services.runtime.exits import CannotRun, WrongUse

ANSWER_SECONDS: Final = 10.0
DEFAULT_URL: Final = "http://127.0.0.1:9466"

Url = Annotated[str, typer.Option("--url", help="Where the notifier answers.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help="File whose first line is the token that the notifier asks for."),
]


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and document."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NotifierApi:
    """One notifier."""

    url: str
    token: str | None

    def ask(self, path: str, document: Any = None) -> Answered:
        """GET, or POST of a document. CannotRun where nothing answers; WrongUse where it wants another token."""
        place = urlsplit(self.url)
        if place.scheme not in ("http", "https") or place.hostname is None:
            raise WrongUse(f"--url: found {self.url!r}; expected http://host:port")
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.hostname, place.port, timeout=ANSWER_SECONDS)
        headers = {"content-type": "application/json"}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        body = None if document is None else json.dumps(document)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CannotRun(
                f"no notifier answers at {self.url} ({type(error).__name__}): it tells people and takes their answers; "
                "start it (python -m services.notifier) or say where it is with --url"
            ) from None
        finally:
            connection.close()
        if answer.status == http.client.UNAUTHORIZED:
            raise WrongUse(f"the notifier at {self.url} asks for its token: name the file with --token-file")
        try:
            found: dict[str, Any] = json.loads(content)
        except ValueError:
            raise CannotRun(f"the notifier at {self.url} answers with {answer.status}, and not as one does") from None
        return Answered(answer.status, found)

    def notices(self, desk: str | None = None) -> dict[str, Any]:
        """What nobody has answered, of one desk or of all. WrongUse for a desk that the notifier does not know."""
        answered = self.ask("/api/notices" if desk is None else f"/api/notices?desk={quote(desk)}")
        if answered.status != http.client.OK:
            raise WrongUse(f"{output.printable(desk or '')}: {answered.document['message']}")
        return answered.document


def notifier_api(url: str, token_file: Path | None) -> NotifierApi:
    """By a command's options. WrongUse where no token is in the file."""
    return NotifierApi(url, token_of(token_file, "--token-file"))

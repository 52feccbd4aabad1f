"""The token that a service asks for, from the file that an option or a setting names."""

from pathlib import Path

from services.runtime.exits import WrongUse
from services.runtime.page.access import read_token


def token_of(file: Path | None, named_by: str) -> str | None:
    """As the service itself reads it; None where no file is named. WrongUse where there is none in it."""
    if file is None:
        return None
    expected = "expected a file whose first line is the token"
    try:
        token = read_token(file)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{named_by}: {file} cannot be read ({type(error).__name__}); {expected}") from None
    if not token:
        raise WrongUse(f"{named_by}: the first line of {file} is empty; {expected}")
    return token

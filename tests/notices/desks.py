"""A configuration with many desks, each told by a webhook of its own at one sink; two of them lead nowhere."""

import base64
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Final

from policy.desks import UNROUTABLE
from schemas.countries import ASSIGNED, UNKNOWN
from tests.notices.load import Course, desk_name

SECRET: Final = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
REFUSING: Final = desk_name(3)
SILENT: Final = desk_name(7)
DEAD: Final = (REFUSING, SILENT)
"""Whose endpoint nothing listens at; whose endpoint takes connections and answers nothing."""


def living(courses: Iterable[Course]) -> list[Course]:
    """Those whose desk has an endpoint that lives."""
    return [course for course in courses if course.desk not in DEAD]


def write(directory: Path, deploy: Path, desks: int, sink: str, dead: Mapping[str, str]) -> None:
    """`sink`: its URL without a path; a desk's webhook is `<sink>/<desk>`. `dead`: desk → the URL it has instead."""
    keys = directory / "desk.keys"
    keys.write_text(f"{SECRET}\n")
    copyfile(deploy / "triage.yaml", directory / "triage.yaml")
    lines = ["desks:", f"  {UNROUTABLE}: {{name: Nowhere, owner: bench}}"]
    for name in map(desk_name, range(desks)):
        url = dead.get(name, f"{sink}/{name}")
        hook = f'{{webhook: "{url}", secret_file: {keys}, networks: [127.0.0.0/8]}}'
        lines.append(f"  {name}: {{name: Desk {name}, notify: {{channels: {{duty: {hook}}}}}}}")
    lines.append("countries:")
    lines += [f"  {code}: {desk_name(place % desks)}" for place, code in enumerate(sorted(ASSIGNED - {UNKNOWN}))]
    (directory / "desks.yaml").write_text("\n".join(lines) + "\n")
    copyfile(deploy / "partners.yaml", directory / "partners.yaml")


@contextmanager
def dead_ends() -> Iterator[dict[str, str]]:
    """Desk → a URL that leads nowhere, for as long as the block lasts."""
    with socket.socket() as refusing, socket.socket() as silent:
        refusing.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, and never listening
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)  # the kernel takes the connections; nobody reads
        ports = {REFUSING: refusing.getsockname()[1], SILENT: silent.getsockname()[1]}
        yield {desk: f"http://127.0.0.1:{port}/{desk}" for desk, port in ports.items()}

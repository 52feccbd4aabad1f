"""Writes deploy/demo/prometheus/rules from deploy/prometheus/rules: the same rules, with weeks in seconds.

`python -m services.console.demo_rules [--check]`. A line that ends in `# demo: 10s` has its last number replaced.
"""

import re
import sys
from pathlib import Path
from typing import Final

from services.runtime.exits import DONE, FOUND

RULES: Final = Path("deploy/prometheus/rules")
DEMO: Final = Path("deploy/demo/prometheus/rules")
HEAD: Final = "# Written by `make docs` from {source}: do not edit. The same rules, with weeks in seconds.\n"
_MARKED: Final = re.compile(r"(?P<code>[^#]*?) +# demo: (?P<instead>\S+)")
_LAST_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?(?:ms|[smhdwy])?(?=\D*$)")
_COMMENT: Final = re.compile(r" *#.*")


def rewritten(text: str) -> str:
    """The rules of one file with every marked number replaced, without comments. ValueError for a mark that fits none.

    Comments go because what they say of weeks is not true any more.
    """
    lines = (_rewritten_line(line, number) for number, line in enumerate(text.splitlines(), start=1))
    return "".join(f"{line}\n" for line in lines if line is not None).lstrip("\n")


def _rewritten_line(line: str, number: int) -> str | None:
    if _COMMENT.fullmatch(line):
        return None
    if "# demo" not in line:
        return line
    marked = _MARKED.fullmatch(line)
    if marked is None or not _LAST_NUMBER.search(marked["code"]):
        raise ValueError(f"line {number}: a number, and behind it `# demo:` with one that stands in its place")
    return _LAST_NUMBER.sub(marked["instead"], marked["code"])


def pages(root: Path) -> dict[Path, str]:
    """Every file to write, below the project's `root`."""
    return {
        root / DEMO / source.name: HEAD.format(source=RULES / source.name) + rewritten(source.read_text("utf-8"))
        for source in sorted((root / RULES).glob("*.rules.yml"))
    }


def main() -> int:
    """Write them, or with `--check` say whether they are up to date."""
    wanted = pages(Path())
    found = {path: path.read_text("utf-8") for path in DEMO.glob("*")}
    if found == wanted:
        return DONE
    if "--check" in sys.argv[1:]:
        print(f"{DEMO} is not what {RULES} says: run `make docs`", file=sys.stderr)
        return FOUND
    DEMO.mkdir(parents=True, exist_ok=True)
    for path in found.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, "utf-8")
    return DONE


if __name__ == "__main__":
    sys.exit(main())

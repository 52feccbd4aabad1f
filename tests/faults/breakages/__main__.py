"""`python -m tests.faults.breakages NAME`: `python -m services.router` with one module's text changed."""

import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.faults.breakages import BY_NAME, Breakage


class BrokenLoader(SourceFileLoader):
    """Loads a module from its changed text; nothing is written to disk, and no cached bytecode is used."""

    def __init__(self, breakage: Breakage, path: str) -> None:
        super().__init__(breakage.module, path)
        self._breakage = breakage

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the changed text."""
        path = self.get_filename(fullname)
        return compile(self._breakage.apply(self.get_data(path).decode()), path, "exec")


class Finder(MetaPathFinder):
    """Finds the one module that is to be broken."""

    def __init__(self, breakage: Breakage) -> None:
        self._breakage = breakage

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for every other module."""
        if fullname != self._breakage.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = BrokenLoader(self._breakage, spec.origin)
        return spec


def main() -> None:
    """Break, then be the router."""
    sys.meta_path.insert(0, Finder(BY_NAME[sys.argv.pop(1)]))
    runpy.run_module("services.router", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

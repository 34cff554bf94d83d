"""Run a function of this project in a new Python that ignores the current folder.

``python isolated.py MODULE:FUNCTION ARGUMENT...`` calls the function, as an installed program's
entry point is called, with the arguments in ``sys.argv``.

``python -m`` and ``python -c`` put the current folder first on the module path, so a ``json.py``
among a user's pictures would be imported in place of Python's. From Python 3.11 on ``-P`` leaves it
out, Python 3.10 has nothing of the kind. A script has its own folder first instead, and this one
removes it. Until then it imports nothing that a file could stand in for: ``os`` is loaded by Python
itself before any script.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  # pathlib is not loaded yet
"""The folder that holds ``mnist_edge``: of a source tree, or ``site-packages``."""
_PACKAGES = ("mnist_edge", "converters")


class _OwnPackages:
    """Finds this project's packages beside this file, even if another copy is installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Locate one of the two packages; None for any other module."""
        return PathFinder.find_spec(name, [_ROOT]) if name in _PACKAGES else None


def use_own_packages() -> None:
    """Import this project's packages from here, and what is installed beside them last of all."""
    sys.meta_path.insert(0, _OwnPackages())
    if _ROOT not in sys.path:
        sys.path.append(_ROOT)


def leave_current_folder() -> None:
    """Remove the current folder from the module path, where ``python -m`` put it first."""
    try:
        current = os.getcwd()  # noqa: PTH109  # pathlib is not loaded yet
    except OSError:  # it was deleted
        return
    if not getattr(sys.flags, "safe_path", False) and sys.path[:1] == [current]:
        del sys.path[0]
    use_own_packages()


def _main() -> None:
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # the folder of this script
    use_own_packages()
    module, _, function = sys.argv.pop(1).partition(":")
    getattr(import_module(module), function)()


if __name__ == "__main__":
    _main()

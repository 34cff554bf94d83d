from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.systems import SYSTEMS, System, name_of
from tests.support.userland import Unavailable, Userland, give_project, make_userland

CACHE = ROOT / ".cache" / "pi"
"""Where file systems and wheels are kept from one run to the next."""


@pytest.fixture(scope="module", params=SYSTEMS, ids=name_of)
def system(request: pytest.FixtureRequest) -> System:
    found = request.param
    assert isinstance(found, System)
    return found


@pytest.fixture(scope="module")
def userland(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Userland]:
    """A system with Debian's programs alone, and an empty home."""
    home = tmp_path_factory.mktemp(system.name)
    try:
        yield make_userland(system, cache=CACHE, home=home)
    except Unavailable as unavailable:
        pytest.skip(str(unavailable))
    finally:
        # pytest keeps the folders of its last runs, and an environment is large.
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def pi(userland: Userland, wheel: Path) -> Userland:
    """A system where this project was installed, as a user would, from its wheel."""
    give_project(userland, wheel, cache=CACHE)
    return userland

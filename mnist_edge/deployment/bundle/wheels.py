"""Every wheel that a target needs, chosen by the target's Python and not by this one.

pip downloads wheels for another platform, but reads environment markers as the machine does that it
runs on. So it is asked for one level of requirements after the other, without what they require in
turn, and the markers are read here.
"""

from __future__ import annotations

import email
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.deployment.bundle.pip import run_pip
from mnist_edge.deployment.bundle.targets import Target
from mnist_edge.errors import BundleFailed, MissingDependency, extra_install_command

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_DEEPEST = 20
"""Levels of requirements after which they are taken to go round in circles."""


def fetch_wheels(own: Path, target: Target, folder: Path) -> list[Path]:
    """Downloads what a wheel requires on a target, and what that requires.

    Args:
        own: the wheel of the project.
        target: the board.
        folder: where they go, each level into a folder of its own.

    Returns:
        The wheels in order of their names, without the project's own and what the system has.

    Raises:
        MissingDependency: ``packaging`` or pip is not installed.
        BundleFailed: pip cannot have one of them.
    """
    wheels: dict[str, Path] = {}
    for level in range(_DEEPEST):
        wanted = _wanted(own, wheels, target)
        names = {_name(one) for one in wanted if not _is_met(one, wheels)}
        if not names:
            return [wheels[name] for name in sorted({_name(one) for one in wanted})]
        asked = sorted(str(one) for one in wanted if _name(one) in names)
        # A requirement that comes later may ask for another version of what is there.
        for wheel in _download(asked, target, folder / str(level)):
            wheels[_canonical(wheel.name.split("-")[0])] = wheel
    raise BundleFailed(f"what {own.name} requires goes round in circles; report this")


def fetch_installer(target: Target, folder: Path) -> Path:
    """Downloads the pip that runs on a target, which need not have one.

    Raises:
        MissingDependency: pip is not installed here.
        BundleFailed: it cannot be had.
    """
    (wheel,) = _download(["pip"], target, folder)
    return wheel


def _wanted(own: Path, wheels: Mapping[str, Path], target: Target) -> set[Requirement]:
    """What the project requires, and what those of the wheels require that it leads to."""
    wanted = direct_requirements(own, target)
    before: set[Requirement] = set()
    while wanted != before:
        before = wanted
        reached = [(wheels[_name(one)], one.extras) for one in wanted if _name(one) in wheels]
        wanted = wanted.union(
            *(direct_requirements(wheel, target, extras) for wheel, extras in reached)
        )
    return wanted


def direct_requirements(
    wheel: Path, target: Target, extras: Collection[str] = ()
) -> set[Requirement]:
    """What a wheel requires on a target, without markers and what the target's system has.

    Args:
        wheel: the file.
        target: the board.
        extras: those of its extras that are wanted.

    Raises:
        MissingDependency: ``packaging`` is not installed.
    """
    left_out = {_canonical(package.name) for package in target.from_system}
    found = set()
    for requirement in map(_requirement, _requires(wheel)):
        marker, requirement.marker = requirement.marker, None
        environments = ({**target.markers, "extra": extra} for extra in ("", *extras))
        applies = marker is None or any(map(marker.evaluate, environments))
        if applies and _name(requirement) not in left_out:
            found.add(requirement)
    return found


def _is_met(requirement: Requirement, wheels: Mapping[str, Path]) -> bool:
    wheel = wheels.get(_name(requirement))
    version = wheel.name.split("-")[1] if wheel else ""
    return wheel is not None and requirement.specifier.contains(version, prereleases=True)


def _requires(wheel: Path) -> list[str]:
    """The ``Requires-Dist`` lines of a wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (
            name
            for name in archive.namelist()
            if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
        )
        return email.message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])


def _download(requirements: list[str], target: Target, folder: Path) -> list[Path]:
    platforms = [word for tag in target.platforms for word in ("--platform", tag)]
    run_pip(
        [
            "download",
            *("--no-deps", "--only-binary=:all:", "--dest", folder),
            *("--implementation", "cp", "--python-version", target.python, *platforms),
            *requirements,
        ],
        doing=f"the wheels of {target.name}",
    )
    return sorted(folder.glob("*.whl"))


def _requirement(text: str) -> Requirement:
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        raise MissingDependency(
            f"a bundle's wheels are chosen by packaging: {extra_install_command('bundle')}"
        ) from error
    return Requirement(text)


def _name(requirement: Requirement) -> str:
    return _canonical(requirement.name)


def _canonical(name: str) -> str:
    """A package's name as every spelling of it comes to (PEP 503)."""
    return re.sub("[-_.]+", "-", name).lower()

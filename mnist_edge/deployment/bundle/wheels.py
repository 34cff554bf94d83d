"""Download the wheels that a target needs, selected for the target's Python.

pip can download wheels for another platform, but evaluates environment markers for the machine it
runs on. So it downloads one level of requirements at a time, without their dependencies, and the
markers are evaluated here.
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

_MAX_LEVELS = 20
"""Levels of requirements after which they are assumed to be circular."""


def fetch_wheels(
    own: Path, target: Target, folder: Path, *, extras: Collection[str] = ()
) -> list[Path]:
    """Download the transitive requirements of a wheel on a target.

    Args:
        own: the project's wheel.
        target: the board.
        folder: where to put the wheels, each level in its own folder.
        extras: extras of the project to include.

    Returns:
        The wheels sorted by name, without the project's own and those of the target's system.

    Raises:
        MissingDependency: ``packaging`` or pip is not installed.
        BundleFailed: pip cannot download one of them.
    """
    wheels: dict[str, Path] = {}
    for level in range(_MAX_LEVELS):
        wanted = _transitive_requirements(own, wheels, target, extras)
        names = {_name(one) for one in wanted if not _is_met(one, wheels)}
        if not names:
            return [wheels[name] for name in sorted({_name(one) for one in wanted})]
        missing = sorted(str(one) for one in wanted if _name(one) in names)
        # A later requirement may need another version of a wheel that is already there.
        for wheel in _download(missing, target, folder / str(level)):
            wheels[_canonical_name(wheel.name.split("-")[0])] = wheel
    raise BundleFailed(f"the requirements of {own.name} are circular; report this")


def fetch_installer(target: Target, folder: Path) -> Path:
    """Download a pip that runs on a target, which may have none.

    Raises:
        MissingDependency: pip is not installed here.
        BundleFailed: pip cannot be downloaded.
    """
    (wheel,) = _download(["pip"], target, folder)
    return wheel


def _transitive_requirements(
    own: Path, wheels: Mapping[str, Path], target: Target, extras: Collection[str]
) -> set[Requirement]:
    """Return the transitive requirements, as far as the downloaded wheels tell."""
    wanted = direct_requirements(own, target, extras)
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
    """Return what a wheel requires on a target, except for packages of the target's system.

    Args:
        wheel: the file.
        target: the board.
        extras: extras of the wheel to include.

    Raises:
        MissingDependency: ``packaging`` is not installed.
    """
    from_system = {_canonical_name(package.name) for package in target.from_system}
    requirements = set()
    for requirement in map(_requirement, _requires(wheel)):
        marker, requirement.marker = requirement.marker, None
        environments = ({**target.markers, "extra": extra} for extra in ("", *extras))
        applies = marker is None or any(map(marker.evaluate, environments))
        if applies and _name(requirement) not in from_system:
            requirements.add(requirement)
    return requirements


def _is_met(requirement: Requirement, wheels: Mapping[str, Path]) -> bool:
    wheel = wheels.get(_name(requirement))
    version = wheel.name.split("-")[1] if wheel else ""
    return wheel is not None and requirement.specifier.contains(version, prereleases=True)


def _requires(wheel: Path) -> list[str]:
    """Return the ``Requires-Dist`` lines of a wheel's metadata."""
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


def require_packaging() -> None:
    """Check, before anything is built or downloaded, that requirements can be read.

    Raises:
        MissingDependency: ``packaging`` is not installed.
    """
    try:
        import packaging.requirements  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            f"a bundle needs the package packaging; install it with: "
            f"{extra_install_command('bundle')}"
        ) from error


def _requirement(text: str) -> Requirement:
    require_packaging()
    from packaging.requirements import Requirement

    return Requirement(text)


def _name(requirement: Requirement) -> str:
    return _canonical_name(requirement.name)


def _canonical_name(name: str) -> str:
    """Return the normalized form of a package's name (PEP 503)."""
    return re.sub("[-_.]+", "-", name).lower()

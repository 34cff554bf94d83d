"""The lock that a device's installation can be held to."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from tests.support.paths import ROOT

SYSTEMS = {
    "linux": ("posix", ("x86_64", "aarch64", "armv7l", "armv6l")),
    "darwin": ("posix", ("arm64",)),
    "win32": ("nt", ("AMD64",)),
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def environments() -> list[dict[str, str]]:
    """Every system, processor and Python that a device may have."""
    return [
        {
            "sys_platform": system,
            "os_name": name,
            "platform_machine": machine,
            "python_version": python,
            "python_full_version": f"{python}.1",
            "extra": "",
        }
        for system, (name, machines) in SYSTEMS.items()
        for machine in machines
        for python in PYTHONS
    ]


@pytest.mark.parametrize("environment", environments(), ids=lambda one: " ".join(one.values()))
def test_the_lock_has_one_version_of_whatever_a_device_requires(
    environment: dict[str, str],
) -> None:
    lines = re.findall(r"^([\w.-]+==.*?) \\$", (ROOT / "device.lock").read_text(), re.MULTILINE)
    locked = [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    versions = {one.name: str(one.specifier).removeprefix("==") for one in locked}
    assert len(versions) == len(locked)
    for required in map(Requirement, metadata.requires("mnist-edge") or []):
        if required.marker is None or required.marker.evaluate(environment):
            assert required.specifier.contains(versions[required.name]), required

"""The bundle for a Pi, installed on an emulated one, which has no network."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.bundles import WITH_OUR_SETUPTOOLS, printed_command
from tests.support.systems import SYSTEMS, System
from tests.support.userland import Userland

TARGET = "pi-bookworm-64"
_SECONDS = 1800
"""Time that the installation has: pip compiles what it installs, which takes minutes under qemu."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def system() -> System:
    """The target's; what the installer does is the same on the others."""
    return next(system for system in SYSTEMS if system.name == "bookworm-arm64")


def test_a_bundle_installs_offline_and_reads(userland: Userland, tmp_path: Path) -> None:
    out = tmp_path / "bundle.tar.gz"
    subprocess.run(
        [sys.executable, "-m", "mnist_edge", "bundle", "--target", TARGET, "--out", out],
        check=True,
        capture_output=True,
        env={**os.environ, **WITH_OUR_SETUPTOOLS},
    )
    with tarfile.open(out) as archive:
        archive.extractall(userland.home, filter="data")
    ran = userland.run(["sh", f"mnist-edge-{TARGET}/install.sh"], seconds=_SECONDS)
    assert ran.returncode == 0, ran.stderr
    command = printed_command(ran.stdout)
    assert userland.check(command) == f"{command[-1]}: 7 (100.0 %)\n"

"""Build and install small bundles."""

from __future__ import annotations

import dataclasses
import os
import platform
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from mnist_edge.deployment import bundle
from mnist_edge.deployment.artifact import Artifact
from mnist_edge.deployment.bundle.targets import LINUX_X86_64, Target

HERE = dataclasses.replace(
    LINUX_X86_64,
    name="here",
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    machine=platform.machine(),
    kernels=(platform.machine(),),
    bits=8 * struct.calcsize("P"),
)
"""This machine as a target."""

WITH_OUR_SETUPTOOLS = {"PIP_NO_BUILD_ISOLATION": "0"}
"""Environment in which pip builds the project's wheel with what is installed here: it would fetch
the same again, which takes longer than the build. 0 is how pip spells that it is not isolated."""

PROGRAM = """
import os, sys
def main():
    words = sys.argv[1:]
    if words[:2] == ["model", "verify"]:
        assert "MNIST_EDGE_MODELS" in os.environ
        sys.exit({broken})
    if words[:2] == ["model", "install"]:
        with open(os.path.expanduser("~/models.txt"), "a") as stream:
            print(words[2], file=stream)
    elif words[0] == "predict":
        print(f"{{words[1]}}: 7 (version {version})")
    elif words[0] == "doctor":
        print("doctor was here")
"""
"""A stand-in for mnist-edge that prints its version."""

PIP = """
import subprocess, sys, sysconfig, zipfile
from pathlib import Path
for line in Path("device.lock").read_text().splitlines():
    (wheel,) = Path("wheels").glob(line.split()[0].replace("==", "-") + "-*.whl")
    zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
    subprocess.run(["true"], check=True)
script = Path(sysconfig.get_path("scripts"), "mnist-edge")
script.write_text(f"#!{sys.executable}\\nfrom program import main\\nmain()\\n")
script.chmod(0o755)
"""
"""A stand-in for pip that unpacks the locked wheels, and can be stopped after each of them."""


def make_wheel(
    folder: Path,
    name: str,
    *,
    requires: Sequence[str] = (),
    files: dict[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """Write a wheel called ``name-version`` with some files."""
    package, version = name.split("-")
    lines = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
    contents = {
        **(files or {}),
        f"{name}.dist-info/METADATA": "\n".join(
            [*lines, *(f"Requires-Dist: {one}" for one in requires), ""]
        ),
        f"{name}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{name}.dist-info/RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


def make_bundle(
    folder: Path,
    *,
    version: str = "1",
    broken: bool = False,
    target: Target = HERE,
    models: Sequence[Artifact] = (),
    services: Sequence[str] = ("watch",),
    sign: Callable[[bytes], bytes] | None = None,
) -> Path:
    """Build a bundle of small wheels and unpack it."""
    program = PROGRAM.format(version=version, broken=int(broken))
    written = bundle.write_bundle(
        folder / f"{version}.tar.gz",
        target,
        own=make_wheel(folder, f"mnist_edge-{version}", files={"program.py": program}),
        wheels=[make_wheel(folder, "other-1.0", files={"other.py": ""})],
        installer=make_wheel(folder, "pip-1.0", files={"pip/__main__.py": PIP}),
        models=models,
        services=services,
        sign=sign,
    )
    unpacked = folder / f"unpacked-{version}"
    with tarfile.open(written.path) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked / written.folder


def install(
    bundle: Path, home: Path, *, words: Sequence[str] = (), **environment: str
) -> CompletedProcess[str]:
    """Run the installer as a user does, without a network where that is possible."""
    return subprocess.run(
        ["/bin/sh", str(bundle / "install.sh"), *words],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        # Whatever it stops at is its own process group.
        start_new_session=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"], **environment},
    )


def releases(home: Path) -> list[Path]:
    return sorted((home / ".local/share/mnist-edge/releases").iterdir())


def printed_command(said: str) -> list[str]:
    """Return the first command that the installer prints."""
    (line, *_) = (line for line in said.splitlines() if line.startswith("  "))
    return line.split()


def answer(home: Path) -> str:
    """Return what the launcher prints."""
    ran = subprocess.run(
        [home / ".local/bin/mnist-edge", "predict", "x"],
        check=True,
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    return ran.stdout

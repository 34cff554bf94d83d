"""Systems for Arm on this machine: Debian's programs, run by qemu one instruction after another.

What they answer is what they answer on a Raspberry Pi. How long they take says nothing of one.

A userland is a root file system that mmdebstrap unpacks from the mirror which this machine's own
apt is set up with. Programs run in it in a namespace of their own, with a ``binfmt_misc`` of its
own (Linux 6.7): Arm's programs start others as they would at home, and nothing is registered,
mounted or left behind for the rest of the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

from tests.support.paths import ROOT
from tests.support.systems import System

HOME = "/home/pi"
"""Where a userland has the folder that is this machine's, too; programs start in it."""
PYTHON = f"{HOME}/.venv/bin/python"
"""The Python of the environment that ``give_project`` puts there."""
_LOCKS = ROOT / "tests" / "pi"
_SECONDS = 600
"""Time that a program has: it takes ten to forty times what it takes at home."""
_BINFMT = Path("/usr/lib/binfmt.d")
"""Where Debian's qemu says how its programs are registered with the kernel."""
_OLDEST_TAG, _NEWEST_TAG = 17, 36
"""glibc's minor versions that wheels may be built for: from manylinux2014's to bookworm's own."""
_BASE = (
    *("bash", "coreutils", "dash", "grep", "sed", "util-linux"),
    *("libatomic1", "libgomp1", "libstdc++6", "python3-venv"),
)
"""What every userland has beyond what Debian holds essential."""

_ENTER = f"""
root=$1 cwd=$2 home=$3; shift 3
mount -t binfmt_misc none "$root/mnt"
for kind in aarch64 arm; do cat "{_BINFMT}/qemu-$kind.conf" > "$root/mnt/register"; done
for place in dev proc sys; do mount --rbind "/$place" "$root/$place"; done
mount --bind "$root/etc/cpuinfo" "$root/proc/cpuinfo"
mount --bind "$home" "$root{HOME}"
mount -t tmpfs none "$root/tmp"
exec chroot "$root" env --chdir "$cwd" "$@"
"""
# Root in a namespace of its own, which has no network.
_APART = ("unshare", "--user", "--map-root-user", "--mount", "--net")


class Unavailable(Exception):
    """This machine cannot emulate the system; the message names what is missing."""


@dataclass(frozen=True, kw_only=True)
class Userland:
    """A system to run programs in, without a network."""

    system: System
    """The system."""
    root: Path
    """Its file system, which is kept: nothing but programs of Debian's belongs there."""
    home: Path
    """The folder of this machine that it has as ``HOME``: what is put here is there."""

    def run(
        self,
        argv: Iterable[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = HOME,
        seconds: float = _SECONDS,
    ) -> CompletedProcess[str]:
        """Run a program and return its result, also if it fails.

        Args:
            argv: the program, by its path there or its name on PATH, and its arguments.
            env: variables beside PATH, HOME, TMPDIR and LC_ALL; of this machine's there are none.
            cwd: a folder of the userland's.
            seconds: time that it has.

        Raises:
            subprocess.TimeoutExpired: it takes longer.
        """
        return subprocess.run(
            [*_APART, "sh", "-euc", _ENTER, "sh", self.root, cwd, self.home, *map(str, argv)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": HOME,
                "TMPDIR": "/tmp",  # noqa: S108  # a file system that ends with the program
                "LC_ALL": "C.UTF-8",
                "QEMU_CPU": self.system.processor,
                **(env or {}),
            },
        )

    def check(self, argv: Iterable[str | Path], *, env: Mapping[str, str] | None = None) -> str:
        """Run a program to success and return its output; takes the arguments of ``run``."""
        ran = self.run(argv, env=env)
        assert ran.returncode == 0, f"{ran.args}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


def make_userland(system: System, *, cache: Path, home: Path) -> Userland:
    """A system with Debian's programs alone.

    Args:
        system: which.
        cache: folder where its file system is kept, and looked for.
        home: an existing folder.

    Raises:
        Unavailable: this machine cannot run it, or not make it.
    """
    _require_emulation()
    name = f"{system.name}-root"
    root = _kept(cache, name, f"{system}{_BASE}", lambda folder: _unpack_debian(system, folder))
    return Userland(system=system, root=root, home=home)


def give_project(userland: Userland, wheel: Path, *, cache: Path) -> None:
    """Put a virtual environment into the home, where this project was installed as a user would.

    This machine's pip fetches and unpacks the wheels that the system's lock names, which are Arm's,
    and the project's own is unpacked as pip would. The system's Python then checks that nothing is
    missing which that asks for on that machine. Its own pip would take ten times as long there; it
    installs the bundle of ``tests/pi/test_offline.py``.

    Args:
        userland: whose.
        wheel: the project's.
        cache: folder where the environment is kept, and looked for.
    """
    system, lock = userland.system, _LOCKS / f"{userland.system.name}.lock"
    environment = _kept(
        cache,
        f"{system.name}-venv",
        f"{userland.root.name}{lock.read_text()}",
        lambda folder: _install_packages(userland, folder, lock),
    )
    with zipfile.ZipFile(wheel) as archive:
        # Its bytes tell when it was built, too.
        content = [(file.filename, file.CRC) for file in archive.infolist()]
    installed = _kept(
        cache,
        f"{system.name}-project",
        f"{environment.name}{content}",
        lambda folder: _install_project(userland, folder, environment, wheel),
    )
    _copy_environment(installed, userland.home)


def _install_packages(userland: Userland, folder: Path, lock: Path) -> None:
    system, there = userland.system, replace(userland, home=folder)
    options = ["--system-site-packages"] if system.packages else []
    # Its own pip's installing of pip takes a minute there.
    there.check(["python3", "-m", "venv", "--without-pip", *options, f"{HOME}/.venv"])
    (site,) = folder.glob(".venv/lib/python3*/site-packages")
    (pip,) = there.root.glob("usr/share/python-wheels/pip-*.whl")
    with zipfile.ZipFile(pip) as archive:
        archive.extractall(site)
    tags = range(_OLDEST_TAG, _NEWEST_TAG + 1)
    platforms = [f"--platform=manylinux_2_{minor}_{system.wheels}" for minor in tags]
    _do(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
        *("--require-hashes", "--only-binary=:all:", "--implementation=cp", *platforms),
        # What is installed is held against this Python, too, which is another.
        *(f"--python-version={system.python}", "--ignore-requires-python"),
        *("--target", site, "--requirement", lock),
    )


_PROGRAM = f"""\
#!{PYTHON}
import sys
from mnist_edge.commands.app import main
sys.exit(main())
"""
"""What pip would write for the wheel's only entry point."""
_REQUIRE_ALL = """
from importlib.metadata import requires, version
from pip._vendor.packaging.requirements import Requirement

for one in map(Requirement, requires("mnist-edge")):
    if one.marker is None or one.marker.evaluate({"extra": ""}):
        assert version(one.name) in one.specifier, f"{one}: found {version(one.name)}"
"""


def _install_project(userland: Userland, folder: Path, environment: Path, wheel: Path) -> None:
    _copy_environment(environment, folder)
    (site,) = folder.glob(".venv/lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    program = folder / ".venv/bin/mnist-edge"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    replace(userland, home=folder).check([PYTHON, "-c", _REQUIRE_ALL])


def _copy_environment(kept: Path, home: Path) -> None:
    shutil.copytree(kept / ".venv", home / ".venv", symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    """A file in two places: Python and pip replace files, and write into none."""
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


def _kept(cache: Path, name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made where it is not there as its recipe has it."""
    folder = cache / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
    cache.mkdir(parents=True, exist_ok=True)
    # Tests run side by side, and one makes it.
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        for old in cache.glob(f"{name}-*"):
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f"{name}-") as temporary:
            new = Path(temporary) / name
            new.mkdir()
            make(new)
            new.rename(folder)
    return folder


def _unpack_debian(system: System, root: Path) -> None:
    if os.geteuid():
        raise Unavailable("only root can unpack Debian: make test-pi asks for its rights")
    options = ("--mode=root", "--variant=extract", f"--architectures={system.architecture}")
    packages = ",".join([*_BASE, *system.packages])
    _do("mmdebstrap", *options, f"--include={packages}", system.release, root, _mirror())
    for place in ("dev", "mnt", "proc", "sys", "tmp", HOME[1:]):
        (root / place).mkdir(parents=True, exist_ok=True)
    (root / "etc/cpuinfo").write_text(system.cpuinfo, encoding="utf-8")
    # What Debian's packages would do when they are set up, which takes programs to run.
    for library in root.glob("usr/lib/*/*/lib*.so.3"):
        if library.parent.name in {"blas", "lapack"}:
            beside = library.parents[1] / library.name
            beside.symlink_to(library.relative_to(beside.parent))
    trusted = root / "etc/ssl/certs/ca-certificates.crt"
    trusted.parent.mkdir(parents=True, exist_ok=True)
    trusted.write_bytes(
        b"".join(file.read_bytes() for file in root.glob("usr/share/ca-certificates/*/*.crt"))
    )


@cache
def _mirror() -> str:
    """The mirror of Debian's that this machine's apt is set up with."""
    wanted = ("Label: Debian", "Created-By: Packages", "Component: main")
    found = _do("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).split()
    if not found:
        raise Unavailable("this machine's apt knows no mirror of Debian: apt-get update")
    return found[0]


def _require_emulation() -> None:
    for program in ("apt-get", "mmdebstrap", "unshare"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program} here: make system-packages")
    if not (_BINFMT / "qemu-arm.conf").is_file():
        raise Unavailable("there is no qemu for Arm's programs here: make system-packages")
    try:
        _do(*_APART, "mount", "-t", "binfmt_misc", "none", "/proc/sys/fs/binfmt_misc")
    except AssertionError as error:
        raise Unavailable(
            f"this kernel gives no namespace a binfmt_misc of its own, as Linux 6.7 does: {error}"
        ) from error


def _do(*argv: str | Path) -> str:
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{argv[0]}: {' '.join(ran.stderr.split()[-40:])}"
    return ran.stdout

"""The boards that a bundle can be made for.

A target's runtime is not listed here: the environment markers in this project's requirements select
it, as they do when pip installs from an index.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge.errors import UnknownName

_OLDEST_GLIBC = (2, 17)
"""manylinux2014, the oldest for which wheels are still built (PEP 599)."""


@dataclass(frozen=True, kw_only=True)
class SystemPackage:
    """A Python package from the board's operating system, since PyPI has no wheel for the board."""

    name: str
    """Name on PyPI."""
    module: str
    """Name of the module to import."""
    debian: str
    """Name of the Debian package."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of board with its operating system."""

    name: str
    """Value of ``--target``."""
    title: str
    """Name for people."""
    python: str
    """Version of the system's Python, as ``major.minor``."""
    machine: str
    """Processor of the wheels, as in their platform tags."""
    kernels: tuple[str, ...]
    """Accepted values of ``uname -m``: a 32-bit system may have a 64-bit kernel."""
    bits: int
    """Size of a pointer in its Python."""
    glibc: tuple[int, int]
    """Version of the system's C library; wheels built for a newer one do not load."""
    from_system: tuple[SystemPackage, ...] = ()
    """Packages that the bundle omits and the installer requires."""

    @property
    def platforms(self) -> list[str]:
        """Platform tags of the wheels that load on it (PEP 600), newest first."""
        (major, oldest), (_, newest) = _OLDEST_GLIBC, self.glibc
        tags = [
            f"manylinux_{major}_{minor}_{self.machine}" for minor in range(newest, oldest - 1, -1)
        ]
        return [*tags, f"manylinux2014_{self.machine}"]

    @property
    def markers(self) -> dict[str, str]:
        """Values of the environment markers on it (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            # The board's patch release is unknown; the first one is the strictest.
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


PI_BOOKWORM_64 = Target(
    name="pi-bookworm-64",
    title="Raspberry Pi OS bookworm, 64-bit",
    python="3.11",
    machine="aarch64",
    kernels=("aarch64",),
    bits=64,
    glibc=(2, 36),
)
PI_BOOKWORM_32 = Target(
    name="pi-bookworm-32",
    title="Raspberry Pi OS bookworm, 32-bit (not of a Pi Zero or 1)",
    python="3.11",
    machine="armv7l",
    kernels=("armv7l", "armv8l", "aarch64"),
    bits=32,
    glibc=(2, 36),
    from_system=(
        SystemPackage(name="numpy", module="numpy", debian="python3-numpy"),
        SystemPackage(name="pillow", module="PIL", debian="python3-pil"),
    ),
)
PI_TRIXIE_64 = Target(
    name="pi-trixie-64",
    title="Raspberry Pi OS trixie, 64-bit",
    python="3.13",
    machine="aarch64",
    kernels=("aarch64",),
    bits=64,
    glibc=(2, 41),
)
LINUX_X86_64 = Target(
    name="linux-x86_64",
    title="Linux on x86-64 with Python 3.11 and glibc 2.28 or later",
    python="3.11",
    machine="x86_64",
    kernels=("x86_64",),
    bits=64,
    glibc=(2, 28),
)

TARGETS = {
    target.name: target for target in (PI_BOOKWORM_64, PI_BOOKWORM_32, PI_TRIXIE_64, LINUX_X86_64)
}
"""Every target, by name."""


def find_target(name: str) -> Target:
    """Return the target of this name.

    Raises:
        UnknownName: there is none.
    """
    if name not in TARGETS:
        raise UnknownName("target", name, TARGETS)
    return TARGETS[name]

"""The emulated systems, each with the processor of its Raspberry Pi."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_edge.runtimes.selection import NUMPY


@dataclass(frozen=True, kw_only=True)
class System:
    """A release of Debian's for an architecture, on a processor."""

    name: str
    """Its name, which is also that of its lock file."""
    release: str
    """Debian's name of the release, which Raspberry Pi OS took over."""
    architecture: str
    """Debian's name of the architecture."""
    wheels: str
    """The architecture's name in wheels."""
    python: str
    """The release's Python."""
    processor: str
    """qemu's name of the processor."""
    cpuinfo: str
    """The ``/proc/cpuinfo`` of the Raspberry Pi."""
    runtime: str
    """The default runtime."""
    packages: tuple[str, ...] = ()
    """Packages of Debian's in place of wheels, which PyPI has none of for 32 bits."""
    digits: int = 200
    """The number of test digits to read."""


_PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
_PI_2 = """\
processor\t: 0
model name\t: ARMv7 Processor rev 5 (v7l)
BogoMIPS\t: 38.40
Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm
CPU implementer\t: 0x41
CPU architecture: 7
CPU variant\t: 0x0
CPU part\t: 0xc07
CPU revision\t: 5
"""
_PI_ZERO = """\
processor\t: 0
model name\t: ARMv6-compatible processor rev 7 (v6l)
BogoMIPS\t: 697.95
Features\t: half thumb fastmult vfp edsp java tls
CPU implementer\t: 0x41
CPU architecture: 7
CPU variant\t: 0x0
CPU part\t: 0xb76
CPU revision\t: 7
"""
_DEBIANS = ("python3-numpy", "python3-pil")

SYSTEMS = (
    System(
        name="bookworm-arm64",
        release="bookworm",
        architecture="arm64",
        wheels="aarch64",
        python="3.11",
        processor="cortex-a72",
        cpuinfo=_PI_4,
        runtime="tflite-runtime",
    ),
    System(
        name="bookworm-armhf",
        release="bookworm",
        architecture="armhf",
        wheels="armv7l",
        python="3.11",
        processor="cortex-a7",
        cpuinfo=_PI_2,
        runtime="tflite-runtime",
        packages=_DEBIANS,
    ),
    System(
        name="trixie-arm64",
        release="trixie",
        architecture="arm64",
        wheels="aarch64",
        python="3.13",
        # qemu 7.2's own choice makes ai-edge-litert answer wrongly.
        processor="cortex-a72",
        cpuinfo=_PI_4,
        runtime="ai-edge-litert",
    ),
    # A Pi Zero. Raspberry Pi OS compiles all for its processor anew; of what Debian compiles, this
    # is what runs there.
    System(
        name="bookworm-armel",
        release="bookworm",
        architecture="armel",
        wheels="armv6l",
        python="3.11",
        processor="arm1176",
        cpuinfo=_PI_ZERO,
        runtime=NUMPY,
        packages=_DEBIANS,
        # Debian's armel leaves the coprocessor alone: every product is a hundred instructions.
        digits=25,
    ),
)


def name_of(system: System) -> str:
    """Return the test id of a system."""
    return system.name

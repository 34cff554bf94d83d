"""Check the machine itself: board, processor, C library, Python, memory, temperature, power."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from mnist_edge.device import board
from mnist_edge.device.doctor.finding import Finding

_MIN_PYTHON = (3, 10)
_MIN_GLIBC = (2, 34)
"""The version that tflite-runtime 2.14.0's wheels for Arm are linked against."""
_MIN_MEMORY = 64 << 20
"""Bytes below which a picture may not fit: a bare process that reads one takes 43 MiB."""
_MAX_TEMPERATURE = 80.0
"""Degrees Celsius from which a Raspberry Pi throttles (Raspberry Pi documentation, frequency
management and thermal control)."""
_NOTABLE = frozenset(
    {"neon", "vfpv4", "asimd", "asimdhp", "asimddp", "i8mm", "sve"}
    | {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni"}
)
"""Instruction set extensions that the runtimes' kernels use."""
_MIB = 1 << 20


def examine_host(root: Path = board.ROOT) -> Iterator[Finding]:
    """Check the machine; what it does not tell is left out.

    Args:
        root: the root of the file system to read.
    """
    model = board.read_model_name(root)
    yield Finding(
        name="board", found=model or "unknown: not a Raspberry Pi", facts={"model": model}
    )
    yield _cpu(board.read_processor(root))
    yield _libc(board.read_processor(root))
    yield _python()
    if memory := board.read_memory(root):
        yield _memory(memory)
    degrees = board.read_temperature(root)
    if degrees is not None:
        yield _temperature(degrees)
    if throttling := board.read_throttling(root):
        yield _throttling(throttling)


def _cpu(cpu: board.Processor) -> Finding:
    notable = [feature for feature in cpu.features if feature in _NOTABLE]
    bits = f"{cpu.python_bits}-bit Python"
    if cpu.kernel_bits != cpu.python_bits:
        bits += f" on a {cpu.kernel_bits}-bit kernel"
    found = ", ".join(filter(None, [cpu.name, cpu.architecture, bits, " ".join(notable)]))
    facts = asdict(cpu)
    if cpu.has_vectors:
        return Finding(name="cpu", found=found, facts=facts)
    return Finding(
        name="cpu",
        status="warning",
        found=f"{found}, no NEON",
        advice="if a TFLite runtime crashes, choose --runtime numpy",
        facts=facts,
    )


def _libc(cpu: board.Processor) -> Finding:
    libc = board.read_libc()
    name, version = libc or (None, None)
    facts = {"name": name, "version": version}
    if libc is None:
        found = "not glibc: no TFLite runtime has a wheel for it, numpy runs the models"
        return Finding(name="libc", found=found, facts=facts)
    found = " ".join(libc)
    if cpu.architecture.startswith(("arm", "aarch")) and _numbers(libc[1]) < _MIN_GLIBC:
        return Finding(
            name="libc",
            status="warning",
            found=found,
            advice="tflite-runtime's wheels for Arm need glibc 2.34: use Raspberry Pi OS bookworm "
            "or later, or choose --runtime numpy",
            facts=facts,
        )
    return Finding(name="libc", found=found, facts=facts)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    facts = {"version": version, "executable": sys.executable}
    if sys.version_info >= _MIN_PYTHON:
        return Finding(name="python", found=version, facts=facts)
    return Finding(
        name="python",
        status="bad",
        found=version,
        advice="use Python 3.10 or later",
        facts=facts,
    )


def _memory(memory: board.Memory) -> Finding:
    found = f"{memory.available // _MIB:,} of {memory.total // _MIB:,} MiB available"
    facts = {"total_bytes": memory.total, "available_bytes": memory.available}
    if memory.available >= _MIN_MEMORY:
        return Finding(name="memory", found=found, facts=facts)
    return Finding(
        name="memory",
        status="warning",
        found=found,
        advice="end other programs, or add swap: large photographs may not fit",
        facts=facts,
    )


def _temperature(degrees: float) -> Finding:
    found, facts = f"{degrees:.0f} degrees Celsius", {"celsius": degrees}
    if degrees < _MAX_TEMPERATURE:
        return Finding(name="temperature", found=found, facts=facts)
    return Finding(
        name="temperature",
        status="warning",
        found=found,
        advice="cool it: a Raspberry Pi throttles from 80 degrees on",
        facts=facts,
    )


def _throttling(throttling: board.Throttling) -> Finding:
    now, before = throttling.now, throttling.before
    facts = {"now": list(now), "since_start": list(before)}
    parts = [f"{', '.join(now)} now"] if now else []
    parts += [f"{', '.join(before)} since the start"] if before else []
    if not parts:
        return Finding(name="throttling", found="none since the start", facts=facts)
    return Finding(
        name="throttling",
        status="bad" if "under-voltage" in now else "warning",
        found="; ".join(parts),
        advice="use the power supply made for the board, and a short thick cable"
        if "under-voltage" in {*now, *before}
        else "cool it: its temperature makes it throttle",
        facts=facts,
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, for comparison."""
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)

"""How hot and how fast the processor is, before and after a measurement.

A board that slows itself half-way measures its own cooling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.device import board

_SLOWER = 0.9
"""Share of the clock before, below which it counts as slowed."""


@dataclass(frozen=True, kw_only=True)
class ThermalState:
    """Of the processor, at one moment."""

    celsius: float | None
    """Of its hottest zone; None where the system does not tell."""
    mhz: float | None
    """Clock of its first core; None where the system does not tell."""
    throttled: tuple[str, ...] | None
    """What a Raspberry Pi's firmware holds back now; None where there is no such firmware."""


def read_thermal_state(root: Path = board.ROOT) -> ThermalState:
    """What the machine says now.

    Args:
        root: of the file system that is read.
    """
    held = board.read_throttling(root)
    return ThermalState(
        celsius=board.read_temperature(root),
        mhz=board.read_clock(root),
        throttled=held.now if held else None,
    )


def throttling_reason(before: ThermalState, after: ThermalState) -> str | None:
    """Why figures taken between two moments are a slowed machine's; None where they are not."""
    held = sorted({*(before.throttled or ()), *(after.throttled or ())})
    if held:
        return f"the board holds itself back: {', '.join(held)}"
    # Where nothing is throttled, a governor raises a clock under load: only a fall tells.
    if before.mhz and after.mhz and after.mhz < _SLOWER * before.mhz:
        return f"the clock fell from {before.mhz:.0f} to {after.mhz:.0f} MHz"
    return None

"""Read the processor's temperature and clock before and after a measurement.

A board that throttles half-way measures its own cooling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_edge.device import board

_MIN_CLOCK_RATIO = 0.9
"""Ratio of the clock after to before, below which the processor counts as throttled."""


@dataclass(frozen=True, kw_only=True)
class ThermalState:
    """State of the processor at one moment."""

    celsius: float | None
    """Temperature of the hottest zone; None if the system does not tell."""
    mhz: float | None
    """Clock of the first core; None if the system does not tell."""
    throttled: tuple[str, ...] | None
    """Reasons for which a Raspberry Pi's firmware throttles; None without such firmware."""


def read_thermal_state(root: Path = board.ROOT) -> ThermalState:
    """Read the present state.

    Args:
        root: the root of the file system to read.
    """
    throttling = board.read_throttling(root)
    return ThermalState(
        celsius=board.read_temperature(root),
        mhz=board.read_clock(root),
        throttled=throttling.now if throttling else None,
    )


def throttling_reason(before: ThermalState, after: ThermalState) -> str | None:
    """Return why measurements between two moments are of a throttled machine; None if not."""
    reasons = sorted({*(before.throttled or ()), *(after.throttled or ())})
    if reasons:
        return f"the board is throttled: {', '.join(reasons)}"
    # A governor raises the clock under load, so only a fall counts.
    if before.mhz and after.mhz and after.mhz < _MIN_CLOCK_RATIO * before.mhz:
        return f"the clock fell from {before.mhz:.0f} to {after.mhz:.0f} MHz"
    return None

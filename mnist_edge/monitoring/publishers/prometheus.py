"""The latest reading of each region in Prometheus' text format, for a server's ``/metrics``.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mnist_edge.monitoring.readings import ValueReading


def region_metrics(latest: Iterable[ValueReading]) -> bytes:
    """Return the metrics of the regions; a value that was refused has no sample.

    Args:
        latest: the latest reading of each region.
    """
    readings = sorted(latest, key=lambda one: one.region)
    lines: list[str] = []
    for name, meaning, sample in _METRICS:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        for one in readings:
            if (number := sample(one)) is not None:
                labels = f'region="{_escape(one.region)}",unit="{_escape(one.unit)}"'
                lines.append(f"{name}{{{labels}}} {number}")
    return "".join(f"{line}\n" for line in lines).encode()


_METRICS: tuple[tuple[str, str, Callable[[ValueReading], str | None]], ...] = (
    (
        "mnist_edge_region_value",
        "Value of the latest reading, if it counts.",
        lambda one: None if one.value is None else f"{one.value:f}",
    ),
    (
        "mnist_edge_region_rate",
        "Its change per minute.",
        lambda one: None if one.rate is None else f"{one.rate:f}",
    ),
    (
        "mnist_edge_region_problem",
        "1 if the latest reading was refused or could not be made, else 0.",
        lambda one: str(int(one.is_problem)),
    ),
    (
        "mnist_edge_region_time_seconds",
        "When the latest picture was taken, in seconds since 1970.",
        lambda one: f"{one.time.timestamp():.3f}",
    ),
)
"""Name, meaning and sample of each metric. Values are gauges: a counter may not be corrected."""


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

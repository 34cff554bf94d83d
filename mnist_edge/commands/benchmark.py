"""``mnist-edge benchmark``: measures how long reading digits takes on this machine.

``--format json`` prints one object: the fields of
``mnist_edge.evaluation.benchmark.results.Benchmark``.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import format_table, note, warn, wrap
from mnist_edge.commands.options import (
    DocumentFormat,
    ModelArgument,
    RuntimeOption,
    complete_models,
    format_option,
    list_option,
)
from mnist_edge.commands.parsing import split_list
from mnist_edge.system.text import percent

if TYPE_CHECKING:
    from mnist_edge.device.thermal import ThermalState
    from mnist_edge.evaluation.benchmark.results import Benchmark, ModelTimes
    from mnist_edge.evaluation.benchmark.timing import Latency, Ratio

EXAMPLES = """
mnist-edge benchmark
mnist-edge benchmark edge --compare nano --baseline
mnist-edge benchmark nano --runtime numpy --format json
"""
RENAMED = {"--against floor": "--baseline"}


def benchmark_command(
    model: ModelArgument = None,
    compare: Annotated[
        list[str] | None,
        list_option(
            "--compare",
            metavar="MODEL",
            description="Models to compare with, in turn",
            completion=complete_models,
        ),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Compare with a bare loop and a bare script.")
    ] = False,
    digits: Annotated[
        int, typer.Option("--digits", metavar="N", min=1, help="Digits to time.")
    ] = 1_000,
    starts: Annotated[
        int, typer.Option("--starts", metavar="N", min=1, help="Cold starts to time.")
    ] = 5,
    output: Annotated[DocumentFormat, format_option(DocumentFormat)] = DocumentFormat.text,
    runtime: RuntimeOption = None,
) -> None:
    """Measure how long reading digits takes on this machine.

    Measures the time of one digit and of one picture, digits per second, load
    time, a cold start of predict with its memory, and the processor's
    temperature. Compared models take turns, so that the ratios also hold on a
    busy machine. With --runtime numpy, the time of each operator is listed, too.
    """
    from mnist_edge.evaluation.benchmark.measure import (
        BenchmarkPlan,
        compare_with_baseline,
        run_benchmark,
    )
    from mnist_edge.modelstore import loading

    plan = BenchmarkPlan(digits=digits, starts=starts)
    models = [loading.load_model(name) for name in (model, *split_list(compare))]
    found = run_benchmark(
        models,
        plan=plan,
        measure_baseline=compare_with_baseline if baseline else None,
        on_progress=note,
    )
    if output is DocumentFormat.json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        typer.echo("\n".join(_lines(found)))
    if found.faster:
        note(f"a faster runtime on this processor: {found.faster}")
    if found.slowed:
        warn(f"{found.slowed}; cool it, and measure again")


def _lines(found: "Benchmark") -> Iterator[str]:
    for text in (found.runtime, f"{found.cpu or 'unknown processor'}; {found.machine}"):
        yield wrap(text)
    yield f"before: {_heat(found.before)}"
    yield f"after:  {_heat(found.after)}"
    if len(found.runtimes) > 1:
        yield f"\nruntimes that are installed, with {found.models[0].model}"
        yield format_table(
            ("", "one digit"), [(one.runtime, f"{one.digit_us:,.0f} us") for one in found.runtimes]
        )
    for times in found.models:
        yield ""
        yield from _model(times)
    if found.compared:
        yield f"\nratios to {found.compared[0].to}, measured in turn"
        yield format_table(
            ("", "one digit", "quartiles", "cold start", "quartiles"),
            [
                (one.model, *_ratio_cells(one.digit), *_ratio_cells(one.cold_start))
                for one in found.compared
            ],
        )
    if found.floor:
        memory = found.floor.memory
        yield f"\nratios to the baseline, measured in turn ({found.models[0].model})"
        yield format_table(
            ("", "ratio", "quartiles"),
            [
                ("one digit, to set_tensor, invoke, get_tensor", *_ratio_cells(found.floor.digit)),
                ("cold start, to a bare script", *_ratio_cells(found.floor.cold_start)),
                ("peak memory, to the script's", "-" if memory is None else f"{memory:.2f}", ""),
            ],
        )


def _model(times: "ModelTimes") -> Iterator[str]:
    yield f"{times.model}, {times.bytes:,} bytes"
    yield format_table(
        ("", "median", "p95", "p99", "runs"),
        [("one digit", *_latency(times.digit)), ("digit.png", *_latency(times.picture))],
    )
    yield f"after {times.digit.warm_up} warm-up runs of each"
    batches = sorted({rate.batch for rate in times.throughput})
    yield format_table(
        ("digits per second, in calls of", *(f"{batch}" for batch in batches)),
        [
            (
                f"{threads} thread{'s' if threads > 1 else ''}",
                *(
                    f"{rate.digits_per_second:,.0f}"
                    for rate in times.throughput
                    if rate.threads == threads
                ),
            )
            for threads in sorted({rate.threads for rate in times.throughput})
        ],
    )
    cold = times.cold_start
    memory = "memory unknown" if cold.peak_mib is None else f"{cold.peak_mib:.1f} MiB peak"
    yield f"load {times.load_ms:.1f} ms"
    yield (
        f"cold start {cold.median_ms:.0f} ms (min {cold.least_ms:.0f}, "
        f"median of {cold.starts}), {memory}"
    )
    if times.operators is not None:
        yield format_table(
            ("operator", "median", "share"),
            [
                (one.name, f"{one.median_us:.0f} us", percent(one.share, 0))
                for one in times.operators
            ],
        )


def _latency(latency: "Latency") -> tuple[str, ...]:
    times = (latency.median_us, latency.p95_us, latency.p99_us)
    return (*(f"{time:,.0f} us" for time in times), f"{latency.runs:,}")


def _ratio_cells(ratio: "Ratio") -> tuple[str, str]:
    return f"{ratio.median:.2f}", f"{ratio.low:.2f}..{ratio.high:.2f}"


def _heat(heat: "ThermalState") -> str:
    parts = [] if heat.celsius is None else [f"{heat.celsius:.0f} degrees Celsius"]
    parts += [] if heat.mhz is None else [f"{heat.mhz:,.0f} MHz"]
    if heat.throttled is not None:
        parts.append(", ".join(heat.throttled) or "not throttled")
    return ", ".join(parts) or "temperature and clock are unknown"

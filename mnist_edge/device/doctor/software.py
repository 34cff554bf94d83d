"""Check that the packages work, and that the shipped models give the right answers on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mnist_edge.device import board
from mnist_edge.device.doctor import probe
from mnist_edge.device.doctor.finding import Finding
from mnist_edge.errors import MissingDependency, ModelError, UsageError, reinstall_command
from mnist_edge.modelstore import DEFAULT_MODEL, loading
from mnist_edge.runtimes import selection
from mnist_edge.system.paths import shipped_models_folder
from mnist_edge.system.subprocesses import ChildFailed

_MIN_PILLOW = (9, 4)
_REINSTALL = "pip install --force-reinstall --no-cache-dir"


def examine_software() -> Iterator[Finding]:
    """Check every package, and every shipped model in int8."""
    yield _numpy()
    yield _pillow()
    in_use = ""
    try:
        in_use = selection.selected_runtime()
    except (UsageError, MissingDependency) as error:
        yield Finding(
            name="runtime",
            status="bad",
            found=str(error),
            advice=f"unset {selection.RUNTIME_VARIABLE}, or name another",
        )
    for name in selection.RUNTIMES:
        yield _runtime(name, in_use=name == in_use)
    models = loading.shipped_models()
    if not models:
        yield Finding(
            name="models",
            status="bad",
            found=f"no shipped models in {shipped_models_folder()}",
            advice=reinstall_command(),
        )
    for model in models:
        yield _files(model)
    for model in models if in_use else []:
        yield from _answers(model)


def _numpy() -> Finding:
    try:
        version = probe.probe_package("numpy")["version"]
    except ChildFailed as failure:
        return _broken("numpy", failure, f"{_REINSTALL} numpy, or: sudo apt install python3-numpy")
    # The binary interface that compiled packages use has changed once, with 2.0.
    abi = int(version.partition(".")[0])
    found, facts = f"{version}, binary interface {abi}", {"version": version, "abi": abi}
    if abi < 2 or selection.installed_version("tflite-runtime") is None:
        return Finding(name="numpy", found=found, facts=facts)
    return Finding(
        name="numpy",
        status="bad",
        found=f"{found}, but tflite-runtime was built for 1",
        advice="pip install 'numpy<2'",
        facts=facts,
    )


def _pillow() -> Finding:
    try:
        version = probe.probe_package("PIL")["version"]
    except ChildFailed as failure:
        return _broken("pillow", failure, f"{_REINSTALL} pillow, or: sudo apt install python3-pil")
    if tuple(map(int, version.split(".")[:2])) >= _MIN_PILLOW:
        return Finding(name="pillow", found=version, facts={"version": version})
    return Finding(
        name="pillow",
        status="warning",
        found=f"{version}, older than the tested versions",
        advice="pip install 'pillow>=9.4'",
        facts={"version": version},
    )


def _broken(name: str, failure: ChildFailed, advice: str) -> Finding:
    return Finding(
        name=name, status="bad", found=f"it {failure}", advice=advice, facts={"version": None}
    )


def _runtime(name: str, *, in_use: bool) -> Finding:
    version = selection.installed_version(name)
    facts: dict[str, Any] = {"version": version, "in_use": in_use, "import_seconds": None}
    # The package numpy has its own finding.
    title = "numpy-runtime" if name == selection.NUMPY else name
    if version is None:
        return Finding(name=title, found="not installed", facts=facts)
    try:
        facts["import_seconds"] = probe.probe_runtime(name)["seconds"]
    except ChildFailed as failure:
        return Finding(
            name=title,
            status="bad" if in_use else "warning",
            found=f"{version}{', in use,' if in_use else ''} {failure}",
            advice=f"{_REINSTALL} {name}"
            + (f", or choose --runtime {selection.NUMPY}" if name != selection.NUMPY else ""),
            facts=facts,
        )
    found = f"{version}, imports in {facts['import_seconds']:.2f} s{', in use' if in_use else ''}"
    if title == "numpy-runtime" and in_use and selection.is_numpy_fallback():
        found += ", the slowest"
        if _has_wheel():
            return Finding(
                name=title,
                status="warning",
                found=found,
                advice=f"for a faster one: {selection.install_command()}",
                facts=facts,
            )
        found += f"; no other has a wheel for {board.read_processor().userland}"
    return Finding(name=title, found=found, facts=facts)


def _has_wheel() -> bool:
    """Return whether a TFLite runtime has a wheel for this machine; assumed unless on Linux."""
    if sys.platform != "linux":
        return True
    if board.read_libc() is None:
        return False
    # ai-edge-litert, for later Pythons, has none for 32 bits.
    bits_32 = {"armv7l"} if sys.version_info < (3, 12) else set[str]()
    return board.read_processor().userland in {"x86_64", "aarch64"} | bits_32


def _files(model: str) -> Finding:
    """Check a model's files against their manifests."""
    name = f"model {model}"
    try:
        files = loading.load_all_schemes(model)
    except ModelError as error:
        return Finding(
            name=name,
            status="bad",
            found=str(error),
            advice=reinstall_command(),
            facts={"sha256": {}},
        )
    facts = {"sha256": {file.path.stem: file.sha256 for file in files}}
    unverified = [file.path.name for file in files if file.manifest is None]
    if unverified:
        return Finding(
            name=name,
            status="warning",
            found=f"no manifest for {', '.join(unverified)}",
            advice=reinstall_command(),
            facts=facts,
        )
    count = f"{len(files)} files" if len(files) > 1 else "1 file"
    return Finding(name=name, found=f"{count}, as listed in the manifests", facts=facts)


def _answers(model: str) -> Iterator[Finding]:
    """Run a model's self-test, and time a digit with the default model."""
    name = f"self-test {model}"
    try:
        result = probe.probe_model(model)
    except ChildFailed as failure:
        facts = {"runtime": None, "steps": None, "allowed": None}
        yield Finding(
            name=name,
            status="bad",
            found=f"it {failure}",
            advice=f"choose --runtime {selection.NUMPY}, or fix what is bad above",
            facts=facts,
        )
        return
    yield _self_test(name, result)
    if model == DEFAULT_MODEL:
        yield _speed(model, result)


def _speed(model: str, result: dict[str, Any]) -> Finding:
    """Say how long a digit takes on the runtime in use and on the others that are installed."""
    times = {result["runtime"]: result["microseconds"], **dict(_times_elsewhere(model))}
    found = ", ".join(f"{us / 1000:.2f} ms on {runtime}" for runtime, us in times.items())
    faster = selection.faster_install_command()
    return Finding(
        name=f"speed {model}",
        found=f"a digit takes {found}" + (f"; a faster one: {faster}" if faster else ""),
        facts={
            "runtime": result["runtime"],
            "microseconds": result["microseconds"],
            "runtimes": times,
        },
    )


def _times_elsewhere(model: str) -> Iterator[tuple[str, float]]:
    """Yield the other runtimes that are installed and run a model, with its microseconds."""
    in_use = selection.selected_runtime()
    for name in selection.installed_runtimes():
        if name != in_use:
            with suppress(ChildFailed), selection.using_runtime(name):
                result = probe.probe_model(model)
                yield result["runtime"], result["microseconds"]


def _self_test(name: str, result: dict[str, Any]) -> Finding:
    steps, allowed = result["steps"], result["allowed"]
    facts = {"runtime": result["runtime"], "steps": steps, "allowed": allowed}
    if steps is None:
        return Finding(
            name=name,
            status="warning",
            found="its manifest has no golden vectors to compare its answers with",
            advice="install a later mnist-edge, or convert the model again",
            facts=facts,
        )
    different, largest = sum(step > 0 for step in steps), max(steps)
    found = f"{len(steps)} golden vectors, " + (
        f"{different} of them up to {largest:.3g} steps off" if different else "all the same"
    )
    if result["passed"]:
        return Finding(name=name, found=found, facts=facts)
    return Finding(
        name=name,
        status="bad",
        found=f"{found}, {allowed:g} allowed: this machine computes wrong answers",
        advice=f"choose --runtime {selection.NUMPY}, or: {_REINSTALL} "
        f"{result['runtime'].split(' ')[0]}",
        facts=facts,
    )

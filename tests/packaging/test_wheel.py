from __future__ import annotations

import email
import re
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FILES = [
    "converters/__init__.py",
    "converters/artifact.py",
    "converters/batches.py",
    "converters/c_source.py",
    "converters/calibration.py",
    "converters/conversion.py",
    "converters/equalize.py",
    "converters/explain.py",
    "converters/formats.py",
    "converters/golden.py",
    "converters/graph.py",
    "converters/hdf5.py",
    "converters/keras_2_13.py",
    "converters/metadata.py",
    "converters/microcontroller.py",
    "converters/operators.py",
    "converters/rescue.py",
    "converters/schemes.py",
    "converters/slim.py",
    "converters/source.py",
    "converters/targets.json",
    "converters/tflite.py",
    "converters/verify.py",
    "mnist_edge/__init__.py",
    "mnist_edge/__main__.py",
    "mnist_edge/acceptance.py",
    "mnist_edge/artifacts.py",
    "mnist_edge/benchmarking/__init__.py",
    "mnist_edge/benchmarking/content.py",
    "mnist_edge/benchmarking/floor.py",
    "mnist_edge/benchmarking/heat.py",
    "mnist_edge/benchmarking/measure.py",
    "mnist_edge/benchmarking/starter.py",
    "mnist_edge/benchmarking/starting.py",
    "mnist_edge/benchmarking/timing.py",
    "mnist_edge/board.py",
    "mnist_edge/bulk.py",
    "mnist_edge/bundling/__init__.py",
    "mnist_edge/bundling/archive.py",
    "mnist_edge/bundling/install.sh",
    "mnist_edge/bundling/mnist-edge-watch.service",
    "mnist_edge/bundling/own_wheel.py",
    "mnist_edge/bundling/pip.py",
    "mnist_edge/bundling/targets.py",
    "mnist_edge/bundling/wheels.py",
    "mnist_edge/classifier.py",
    "mnist_edge/commands/__init__.py",
    "mnist_edge/commands/answers.py",
    "mnist_edge/commands/app.py",
    "mnist_edge/commands/benchmark.py",
    "mnist_edge/commands/bundle.py",
    "mnist_edge/commands/console.py",
    "mnist_edge/commands/convert.py",
    "mnist_edge/commands/doctor.py",
    "mnist_edge/commands/drawings.py",
    "mnist_edge/commands/info.py",
    "mnist_edge/commands/model.py",
    "mnist_edge/commands/predict.py",
    "mnist_edge/commands/report.py",
    "mnist_edge/commands/reported.py",
    "mnist_edge/commands/reproduce.py",
    "mnist_edge/commands/run.py",
    "mnist_edge/commands/train.py",
    "mnist_edge/commands/watch.py",
    "mnist_edge/comparison.py",
    "mnist_edge/components.py",
    "mnist_edge/corruptions/__init__.py",
    "mnist_edge/corruptions/blurs.py",
    "mnist_edge/corruptions/draws.py",
    "mnist_edge/corruptions/geometry.py",
    "mnist_edge/corruptions/light.py",
    "mnist_edge/corruptions/overlays.py",
    "mnist_edge/dataset.py",
    "mnist_edge/decoding.py",
    "mnist_edge/digests.py",
    "mnist_edge/doctor/__init__.py",
    "mnist_edge/doctor/finding.py",
    "mnist_edge/doctor/machine.py",
    "mnist_edge/doctor/probe.py",
    "mnist_edge/doctor/software.py",
    "mnist_edge/downloading.py",
    "mnist_edge/drawing.py",
    "mnist_edge/ed25519.py",
    "mnist_edge/engines.py",
    "mnist_edge/errors.py",
    "mnist_edge/evaluation.py",
    "mnist_edge/explain.py",
    "mnist_edge/fetching.py",
    "mnist_edge/files.py",
    "mnist_edge/foreign.py",
    "mnist_edge/frames.py",
    "mnist_edge/golden.py",
    "mnist_edge/idx.py",
    "mnist_edge/ink.py",
    "mnist_edge/installed.py",
    "mnist_edge/installing.py",
    "mnist_edge/interpreter.py",
    "mnist_edge/journal.py",
    "mnist_edge/layout.py",
    "mnist_edge/lines.py",
    "mnist_edge/manifest.py",
    "mnist_edge/markdown.py",
    "mnist_edge/metrics.py",
    "mnist_edge/mnist_form.py",
    "mnist_edge/models/__init__.py",
    "mnist_edge/models/edge/float32.json",
    "mnist_edge/models/edge/float32.tflite",
    "mnist_edge/models/edge/int8.json",
    "mnist_edge/models/edge/int8.tflite",
    "mnist_edge/models/nano/float32.json",
    "mnist_edge/models/nano/float32.tflite",
    "mnist_edge/models/nano/int8.json",
    "mnist_edge/models/nano/int8.tflite",
    "mnist_edge/modelstore.py",
    "mnist_edge/numpy_runtime/__init__.py",
    "mnist_edge/numpy_runtime/engine.py",
    "mnist_edge/numpy_runtime/fixed_point.py",
    "mnist_edge/numpy_runtime/flatbuffer.py",
    "mnist_edge/numpy_runtime/graph.py",
    "mnist_edge/numpy_runtime/kernels.py",
    "mnist_edge/numpy_runtime/node.py",
    "mnist_edge/numpy_runtime/products.py",
    "mnist_edge/numpy_runtime/windows.py",
    "mnist_edge/picture.py",
    "mnist_edge/py.typed",
    "mnist_edge/quiet.py",
    "mnist_edge/readings.py",
    "mnist_edge/report/__init__.py",
    "mnist_edge/report/comparing.py",
    "mnist_edge/report/content.py",
    "mnist_edge/report/corrupted.py",
    "mnist_edge/report/details.py",
    "mnist_edge/report/device.py",
    "mnist_edge/report/document.py",
    "mnist_edge/report/figures.py",
    "mnist_edge/report/gates.py",
    "mnist_edge/report/junit.py",
    "mnist_edge/report/measure.py",
    "mnist_edge/report/model_file.py",
    "mnist_edge/report/pages/__init__.py",
    "mnist_edge/report/pages/comparison.py",
    "mnist_edge/report/pages/curves.py",
    "mnist_edge/report/pages/elements.py",
    "mnist_edge/report/pages/html.py",
    "mnist_edge/report/pages/markdown.py",
    "mnist_edge/report/pages/picture.py",
    "mnist_edge/report/pages/plots.py",
    "mnist_edge/report/pages/sections.py",
    "mnist_edge/report/pages/style.py",
    "mnist_edge/report/pages/svg.py",
    "mnist_edge/report/pages/tables.py",
    "mnist_edge/report/pages/thumbnails.py",
    "mnist_edge/report/pages/wording.py",
    "mnist_edge/report/pictures.py",
    "mnist_edge/report/report.schema.json",
    "mnist_edge/report/timing.py",
    "mnist_edge/report/verdict.py",
    "mnist_edge/reproduction/__init__.py",
    "mnist_edge/reproduction/measuring.py",
    "mnist_edge/reproduction/page.py",
    "mnist_edge/reproduction/systems.py",
    "mnist_edge/rules.py",
    "mnist_edge/runtimes.py",
    "mnist_edge/samples/__init__.py",
    "mnist_edge/samples/digit.png",
    "mnist_edge/samples/digits.png",
    "mnist_edge/segmentation.py",
    "mnist_edge/sources.py",
    "mnist_edge/statistics.py",
    "mnist_edge/strokes.py",
    "mnist_edge/training/__init__.py",
    "mnist_edge/training/ahead.py",
    "mnist_edge/training/augmentation.py",
    "mnist_edge/training/backend.py",
    "mnist_edge/training/curves.py",
    "mnist_edge/training/feeding.py",
    "mnist_edge/training/losses.py",
    "mnist_edge/training/networks.py",
    "mnist_edge/training/nondigits/__init__.py",
    "mnist_edge/training/nondigits/glyphs.py",
    "mnist_edge/training/nondigits/icons.py",
    "mnist_edge/training/nondigits/mangled.py",
    "mnist_edge/training/nondigits/pen.py",
    "mnist_edge/training/nondigits/sketches.py",
    "mnist_edge/training/nondigits/textures.py",
    "mnist_edge/training/normalization.py",
    "mnist_edge/training/optimizers.py",
    "mnist_edge/training/recipes.py",
    "mnist_edge/training/trainer.py",
    "mnist_edge/trial.py",
    "mnist_edge/trust.py",
    "mnist_edge/watching.py",
    "mnist_edge/workers.py",
]


def contents(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel but for the list of them, whose order is the builder's."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "/RECORD" not in name}


def test_the_wheel_holds_these_files_and_no_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(FILES)
    assert wheel.stat().st_size < 1_000_000


def test_the_device_install_is_numpy_pillow_typer_and_one_runtime(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    required = message.get_all("Requires-Dist", [])
    device = {re.split(r"[ ;<>=\[]", line)[0] for line in required if "extra ==" not in line}
    assert device == {"numpy", "pillow", "typer", "tflite-runtime", "ai-edge-litert"}
    workstation = {re.split(r"[ ;<>=\[]", line)[0] for line in required if "workstation" in line}
    libraries = {"tensorflow", "keras", "tf_keras", "h5py", "flatbuffers", "matplotlib"}
    assert workstation == libraries
    heic = {re.split(r"[ ;<>=\[]", line)[0] for line in required if 'extra == "heic"' in line}
    assert heic == {"pillow-heif"}


@pytest.mark.slow
def test_a_bare_device_install_predicts_informs_and_reports(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is tried is what was installed, wherever the tests find the package.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    # The locked versions, without their hashes: what is installed is the wheel, by its name.
    locked = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(locked))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel],
        check=True,
        capture_output=True,
    )

    def mnist_edge(*arguments: str) -> str:
        outcome = subprocess.run(
            [environment / "bin" / "mnist-edge", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return outcome.stdout

    installed = subprocess.run(
        [python, "-c", "import importlib.util as u; print(u.find_spec('tensorflow'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert installed.stdout == "None\n"
    # A bundle carries what is installed, where there is no source tree.
    making = "import pathlib, mnist_edge.bundling as b; b.make_own_wheel(pathlib.Path('own'))"
    subprocess.run([python, "-c", making], cwd=tmp_path, check=True)
    (own,) = (tmp_path / "own").iterdir()
    assert own.name == wheel.name
    assert contents(own) == contents(wheel)
    sample = ROOT / "mnist_edge" / "samples" / "digit.png"
    assert ": 7 (" in mnist_edge("predict", str(sample))
    assert "(verified)" in mnist_edge("info")
    assert "self-test edge" in mnist_edge("doctor")
    mnist_edge("watch", str(sample.parent), "--once", "--out", "results.jsonl")
    assert '"digit": 7' in (tmp_path / "results.jsonl").read_text()
    assert "int8" in mnist_edge("report", "--corrupted", "20")
    assert (tmp_path / "runs" / "edge" / "report.md").is_file()

from __future__ import annotations

import email
import re
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

from mnist_edge import __version__
from tests.support.paths import ROOT

FILES = [
    "converters/__init__.py",
    "converters/accuracy_gate.py",
    "converters/c/__init__.py",
    "converters/c/confidence.py",
    "converters/c/layers.py",
    "converters/c/libraries.py",
    "converters/c/libraries/arduino/README.md",
    "converters/c/libraries/arduino/ReadDigit.ino",
    "converters/c/libraries/arduino/keywords.txt",
    "converters/c/libraries/arduino/library.properties",
    "converters/c/libraries/cmake/CMakeLists.txt",
    "converters/c/libraries/cmake/README.md",
    "converters/c/libraries/cmake/main.c",
    "converters/c/libraries/cmake/self_test.c",
    "converters/c/libraries/esp-idf/CMakeLists.txt",
    "converters/c/libraries/esp-idf/README.md",
    "converters/c/libraries/esp-idf/example_CMakeLists.txt",
    "converters/c/libraries/esp-idf/idf_component.yml",
    "converters/c/libraries/esp-idf/main.c",
    "converters/c/libraries/esp-idf/main_CMakeLists.txt",
    "converters/c/libraries/micropython/Makefile",
    "converters/c/libraries/micropython/README.md",
    "converters/c/libraries/micropython/digit_module.c",
    "converters/c/libraries/micropython/example.py.in",
    "converters/c/libraries/wasm/README.md",
    "converters/c/libraries/wasm/digit.js",
    "converters/c/libraries/wasm/digit_wasm.c",
    "converters/c/libraries/wasm/example.html",
    "converters/c/libraries/zephyr/CMakeLists.txt",
    "converters/c/libraries/zephyr/Kconfig",
    "converters/c/libraries/zephyr/README.md",
    "converters/c/libraries/zephyr/main.c",
    "converters/c/libraries/zephyr/prj.conf",
    "converters/c/libraries/zephyr/sample_CMakeLists.txt",
    "converters/c/libraries/zephyr/zephyr/module.yml",
    "converters/c/memory.py",
    "converters/c/source.py",
    "converters/c/template.py",
    "converters/c/templates/digit.c",
    "converters/c/templates/digit.h",
    "converters/c/templates/digit_read.c",
    "converters/c/templates/digit_self_test.c",
    "converters/c/templates/kernels.c",
    "converters/c/wasm.py",
    "converters/c_source.py",
    "converters/calibration_set.py",
    "converters/compact.py",
    "converters/conversion.py",
    "converters/dynamic_batch.py",
    "converters/equalization.py",
    "converters/formats.py",
    "converters/frozen_graph.py",
    "converters/golden_inputs.py",
    "converters/graph_nodes.py",
    "converters/graph_rewrites.py",
    "converters/graph_types.py",
    "converters/hdf5.py",
    "converters/input_inference.py",
    "converters/keras_2_13.py",
    "converters/layer_check.py",
    "converters/layer_error.py",
    "converters/loader.py",
    "converters/metadata.py",
    "converters/microcontroller.py",
    "converters/operators.py",
    "converters/recovery.py",
    "converters/schemes.py",
    "converters/targets.json",
    "converters/tf_converter.py",
    "converters/verify.py",
    "converters/writer.py",
    "mnist_edge/__init__.py",
    "mnist_edge/__main__.py",
    "mnist_edge/commands/__init__.py",
    "mnist_edge/commands/app.py",
    "mnist_edge/commands/batch.py",
    "mnist_edge/commands/benchmark.py",
    "mnist_edge/commands/bundle.py",
    "mnist_edge/commands/console.py",
    "mnist_edge/commands/convert.py",
    "mnist_edge/commands/doctor.py",
    "mnist_edge/commands/explain_output.py",
    "mnist_edge/commands/export.py",
    "mnist_edge/commands/gain_report.py",
    "mnist_edge/commands/info.py",
    "mnist_edge/commands/label.py",
    "mnist_edge/commands/model.py",
    "mnist_edge/commands/options.py",
    "mnist_edge/commands/parsing.py",
    "mnist_edge/commands/predict.py",
    "mnist_edge/commands/prediction_output.py",
    "mnist_edge/commands/readings.py",
    "mnist_edge/commands/report.py",
    "mnist_edge/commands/report_text.py",
    "mnist_edge/commands/reproduce.py",
    "mnist_edge/commands/run.py",
    "mnist_edge/commands/serve.py",
    "mnist_edge/commands/teach.py",
    "mnist_edge/commands/train.py",
    "mnist_edge/commands/train_from.py",
    "mnist_edge/commands/usage_errors.py",
    "mnist_edge/commands/watch.py",
    "mnist_edge/commands/watch_camera.py",
    "mnist_edge/data/__init__.py",
    "mnist_edge/data/builtin_digits.py",
    "mnist_edge/data/corruptions/__init__.py",
    "mnist_edge/data/corruptions/blurs.py",
    "mnist_edge/data/corruptions/keyed_random.py",
    "mnist_edge/data/corruptions/geometry.py",
    "mnist_edge/data/corruptions/light.py",
    "mnist_edge/data/corruptions/overlays.py",
    "mnist_edge/data/daily_counts.py",
    "mnist_edge/data/fetch.py",
    "mnist_edge/data/idx.py",
    "mnist_edge/data/label_table.py",
    "mnist_edge/data/labeled_pictures.py",
    "mnist_edge/data/mnist.py",
    "mnist_edge/deployment/__init__.py",
    "mnist_edge/deployment/acceptance.py",
    "mnist_edge/deployment/artifact.py",
    "mnist_edge/deployment/bundle/__init__.py",
    "mnist_edge/deployment/bundle/archive.py",
    "mnist_edge/deployment/bundle/install.sh",
    "mnist_edge/deployment/bundle/mnist-edge-camera.service",
    "mnist_edge/deployment/bundle/mnist-edge-serve.service",
    "mnist_edge/deployment/bundle/mnist-edge-watch.service",
    "mnist_edge/deployment/bundle/own_wheel.py",
    "mnist_edge/deployment/bundle/pip.py",
    "mnist_edge/deployment/bundle/signing.py",
    "mnist_edge/deployment/bundle/targets.py",
    "mnist_edge/deployment/bundle/wheels.py",
    "mnist_edge/deployment/cluster/__init__.py",
    "mnist_edge/deployment/cluster/batch_run.py",
    "mnist_edge/deployment/cluster/parts.py",
    "mnist_edge/deployment/cluster/plan.py",
    "mnist_edge/deployment/cluster/ray_engine.py",
    "mnist_edge/deployment/cluster/sources.py",
    "mnist_edge/deployment/cluster/storage.py",
    "mnist_edge/deployment/cluster/summary.py",
    "mnist_edge/deployment/ed25519.py",
    "mnist_edge/deployment/install.py",
    "mnist_edge/deployment/server/__init__.py",
    "mnist_edge/deployment/server/application.py",
    "mnist_edge/deployment/server/camera.html",
    "mnist_edge/deployment/server/camera_routes.py",
    "mnist_edge/deployment/server/connections.py",
    "mnist_edge/deployment/server/drawing_page.py",
    "mnist_edge/deployment/server/guard.py",
    "mnist_edge/deployment/server/history_routes.py",
    "mnist_edge/deployment/server/label.html",
    "mnist_edge/deployment/server/label_application.py",
    "mnist_edge/deployment/server/metrics.py",
    "mnist_edge/deployment/server/model_service.py",
    "mnist_edge/deployment/server/offline_page.py",
    "mnist_edge/deployment/server/openapi.json",
    "mnist_edge/deployment/server/page.html",
    "mnist_edge/deployment/server/reading_queue.py",
    "mnist_edge/deployment/server/refusals.py",
    "mnist_edge/deployment/server/request_parsing.py",
    "mnist_edge/deployment/server/settings.py",
    "mnist_edge/deployment/server/startup.py",
    "mnist_edge/deployment/signatures.py",
    "mnist_edge/deployment/tar.py",
    "mnist_edge/device/__init__.py",
    "mnist_edge/device/board.py",
    "mnist_edge/device/doctor/__init__.py",
    "mnist_edge/device/doctor/finding.py",
    "mnist_edge/device/doctor/host.py",
    "mnist_edge/device/doctor/probe.py",
    "mnist_edge/device/doctor/readings.py",
    "mnist_edge/device/doctor/software.py",
    "mnist_edge/device/machine.py",
    "mnist_edge/device/thermal.py",
    "mnist_edge/errors.py",
    "mnist_edge/evaluation/__init__.py",
    "mnist_edge/evaluation/benchmark/__init__.py",
    "mnist_edge/evaluation/benchmark/baseline.py",
    "mnist_edge/evaluation/benchmark/cold_start.py",
    "mnist_edge/evaluation/benchmark/measure.py",
    "mnist_edge/evaluation/benchmark/results.py",
    "mnist_edge/evaluation/benchmark/spawn.py",
    "mnist_edge/evaluation/benchmark/timing.py",
    "mnist_edge/evaluation/report/__init__.py",
    "mnist_edge/evaluation/report/diff.py",
    "mnist_edge/evaluation/report/document.py",
    "mnist_edge/evaluation/report/gain.py",
    "mnist_edge/evaluation/report/gates.py",
    "mnist_edge/evaluation/report/junit.py",
    "mnist_edge/evaluation/report/labeled_images.py",
    "mnist_edge/evaluation/report/measure.py",
    "mnist_edge/evaluation/report/model_stats.py",
    "mnist_edge/evaluation/report/render/__init__.py",
    "mnist_edge/evaluation/report/render/colors.css",
    "mnist_edge/evaluation/report/render/confidence_plots.py",
    "mnist_edge/evaluation/report/render/diff_page.py",
    "mnist_edge/evaluation/report/render/elements.py",
    "mnist_edge/evaluation/report/render/formatting.py",
    "mnist_edge/evaluation/report/render/gain_page.py",
    "mnist_edge/evaluation/report/render/html.py",
    "mnist_edge/evaluation/report/render/markdown.py",
    "mnist_edge/evaluation/report/render/plots.py",
    "mnist_edge/evaluation/report/render/sections.py",
    "mnist_edge/evaluation/report/render/style.css",
    "mnist_edge/evaluation/report/render/style.py",
    "mnist_edge/evaluation/report/render/summary.css",
    "mnist_edge/evaluation/report/render/summary_svg.py",
    "mnist_edge/evaluation/report/render/svg.py",
    "mnist_edge/evaluation/report/render/tables.py",
    "mnist_edge/evaluation/report/render/thumbnails.py",
    "mnist_edge/evaluation/report/report.schema.json",
    "mnist_edge/evaluation/report/results.py",
    "mnist_edge/evaluation/report/robustness.py",
    "mnist_edge/evaluation/report/statistics.py",
    "mnist_edge/evaluation/report/timing.py",
    "mnist_edge/evaluation/report/verdict.py",
    "mnist_edge/evaluation/reproduction/__init__.py",
    "mnist_edge/evaluation/reproduction/measure.py",
    "mnist_edge/evaluation/reproduction/page.py",
    "mnist_edge/evaluation/reproduction/systems.py",
    "mnist_edge/inference/__init__.py",
    "mnist_edge/inference/batch.py",
    "mnist_edge/inference/classifier.py",
    "mnist_edge/inference/columns.py",
    "mnist_edge/inference/drawn_text.py",
    "mnist_edge/inference/explain.py",
    "mnist_edge/inference/folder_watcher.py",
    "mnist_edge/inference/hypotheses.py",
    "mnist_edge/inference/inputs.py",
    "mnist_edge/inference/labeling.py",
    "mnist_edge/inference/page.py",
    "mnist_edge/inference/page_reader.py",
    "mnist_edge/inference/path_set.py",
    "mnist_edge/inference/pixel_text.py",
    "mnist_edge/inference/results_log.py",
    "mnist_edge/inference/text_picture.py",
    "mnist_edge/inference/training_pictures.py",
    "mnist_edge/inference/unsure_pictures.py",
    "mnist_edge/inference/worker_pool.py",
    "mnist_edge/metrics/__init__.py",
    "mnist_edge/metrics/confidence.py",
    "mnist_edge/metrics/drift.py",
    "mnist_edge/metrics/classification.py",
    "mnist_edge/metrics/intervals.py",
    "mnist_edge/metrics/paired.py",
    "mnist_edge/models/__init__.py",
    "mnist_edge/models/edge/float32.json",
    "mnist_edge/models/edge/float32.tflite",
    "mnist_edge/models/edge/int8.json",
    "mnist_edge/models/edge/int8.tflite",
    "mnist_edge/models/micro/int8.json",
    "mnist_edge/models/micro/int8.tflite",
    "mnist_edge/models/nano/float32.json",
    "mnist_edge/models/nano/float32.tflite",
    "mnist_edge/models/nano/int8.json",
    "mnist_edge/models/nano/int8.tflite",
    "mnist_edge/modelstore/__init__.py",
    "mnist_edge/modelstore/derived_files.py",
    "mnist_edge/modelstore/loading.py",
    "mnist_edge/modelstore/manifest.py",
    "mnist_edge/modelstore/origin.py",
    "mnist_edge/modelstore/registry.py",
    "mnist_edge/monitoring/__init__.py",
    "mnist_edge/monitoring/alignment.py",
    "mnist_edge/monitoring/camera_keeper.py",
    "mnist_edge/monitoring/cameras.py",
    "mnist_edge/monitoring/change.py",
    "mnist_edge/monitoring/clock.py",
    "mnist_edge/monitoring/demo_counter.py",
    "mnist_edge/monitoring/digit_completion.py",
    "mnist_edge/monitoring/history.py",
    "mnist_edge/monitoring/history_file.py",
    "mnist_edge/monitoring/history_schema.py",
    "mnist_edge/monitoring/light.py",
    "mnist_edge/monitoring/message.py",
    "mnist_edge/monitoring/mjpeg.py",
    "mnist_edge/monitoring/monitor.py",
    "mnist_edge/monitoring/picture_reader.py",
    "mnist_edge/monitoring/publishers/__init__.py",
    "mnist_edge/monitoring/publishers/credentials.py",
    "mnist_edge/monitoring/publishers/home_assistant.py",
    "mnist_edge/monitoring/publishers/influx.py",
    "mnist_edge/monitoring/publishers/mqtt.py",
    "mnist_edge/monitoring/publishers/mqtt_connection.py",
    "mnist_edge/monitoring/publishers/prometheus.py",
    "mnist_edge/monitoring/publishers/webhook.py",
    "mnist_edge/monitoring/readings.py",
    "mnist_edge/monitoring/regions.py",
    "mnist_edge/monitoring/rules.py",
    "mnist_edge/monitoring/sender.py",
    "mnist_edge/monitoring/service_manager.py",
    "mnist_edge/monitoring/settings.py",
    "mnist_edge/monitoring/settings_file.py",
    "mnist_edge/monitoring/value_plot.py",
    "mnist_edge/preprocessing/__init__.py",
    "mnist_edge/preprocessing/binarization.py",
    "mnist_edge/preprocessing/cell_borders.py",
    "mnist_edge/preprocessing/connected_components.py",
    "mnist_edge/preprocessing/decoding.py",
    "mnist_edge/preprocessing/flat_background.py",
    "mnist_edge/preprocessing/handwriting.py",
    "mnist_edge/preprocessing/layout.py",
    "mnist_edge/preprocessing/line_detection.py",
    "mnist_edge/preprocessing/margins.py",
    "mnist_edge/preprocessing/mnist_format.py",
    "mnist_edge/preprocessing/pipeline.py",
    "mnist_edge/preprocessing/ruled_lines.py",
    "mnist_edge/preprocessing/scenes.py",
    "mnist_edge/preprocessing/segmentation.py",
    "mnist_edge/py.typed",
    "mnist_edge/runtimes/__init__.py",
    "mnist_edge/runtimes/backends.py",
    "mnist_edge/runtimes/golden.py",
    "mnist_edge/runtimes/input_scaling.py",
    "mnist_edge/runtimes/interpreter.py",
    "mnist_edge/runtimes/numpy_backend/__init__.py",
    "mnist_edge/runtimes/numpy_backend/executor.py",
    "mnist_edge/runtimes/numpy_backend/fixed_point.py",
    "mnist_edge/runtimes/numpy_backend/bounds.py",
    "mnist_edge/runtimes/numpy_backend/flatbuffer.py",
    "mnist_edge/runtimes/numpy_backend/model_graph.py",
    "mnist_edge/runtimes/numpy_backend/im2col.py",
    "mnist_edge/runtimes/numpy_backend/kernels.py",
    "mnist_edge/runtimes/numpy_backend/matmul_kernels.py",
    "mnist_edge/runtimes/numpy_backend/node.py",
    "mnist_edge/runtimes/numpy_backend/tflite_schema.py",
    "mnist_edge/runtimes/sandbox.py",
    "mnist_edge/runtimes/selection.py",
    "mnist_edge/runtimes/signature_graphs.py",
    "mnist_edge/runtimes/unverified.py",
    "mnist_edge/samples/__init__.py",
    "mnist_edge/samples/digit.png",
    "mnist_edge/samples/digits.png",
    "mnist_edge/system/__init__.py",
    "mnist_edge/system/capture.py",
    "mnist_edge/system/files.py",
    "mnist_edge/system/https.py",
    "mnist_edge/system/isolated.py",
    "mnist_edge/system/paths.py",
    "mnist_edge/system/records.py",
    "mnist_edge/system/subprocesses.py",
    "mnist_edge/system/text.py",
    "mnist_edge/training/__init__.py",
    "mnist_edge/training/accelerated_run.py",
    "mnist_edge/training/augmentation.py",
    "mnist_edge/training/augmentation_ops.py",
    "mnist_edge/training/checkpoint.py",
    "mnist_edge/training/fine_tuning.py",
    "mnist_edge/training/fine_tuning_run.py",
    "mnist_edge/training/frameworks.py",
    "mnist_edge/training/habits.py",
    "mnist_edge/training/held_out.py",
    "mnist_edge/training/input_pipeline.py",
    "mnist_edge/training/learning_curves.py",
    "mnist_edge/training/losses.py",
    "mnist_edge/training/networks.py",
    "mnist_edge/training/normalization.py",
    "mnist_edge/training/optimizers.py",
    "mnist_edge/training/outliers/__init__.py",
    "mnist_edge/training/outliers/composites.py",
    "mnist_edge/training/outliers/generator.py",
    "mnist_edge/training/outliers/glyphs.py",
    "mnist_edge/training/outliers/icons.py",
    "mnist_edge/training/outliers/primitives.py",
    "mnist_edge/training/outliers/sketches.py",
    "mnist_edge/training/outliers/textures.py",
    "mnist_edge/training/recipes.py",
    "mnist_edge/training/suspect_labels.py",
    "mnist_edge/training/trainer.py",
    "mnist_edge/training/training_record.py",
    "mnist_edge/training/training_run.py",
    "mnist_edge/training/training_stream.py",
]


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel without RECORD, whose order depends on the builder."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "/RECORD" not in name}


def test_the_wheel_holds_these_files_and_no_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(FILES)
    # Half of it is models; a server, a generator of C and the watch of a camera came to the rest.
    assert wheel.stat().st_size < 1_300_000


def test_the_device_install_is_numpy_pillow_typer_and_one_runtime(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    required = message.get_all("Requires-Dist", [])
    device = {re.split(r"[ ;<>=\[]", line)[0] for line in required if "extra ==" not in line}
    # tomli is what Python 3.11 has by itself.
    assert device == {"numpy", "pillow", "tomli", "typer", "tflite-runtime", "ai-edge-litert"}
    workstation = {re.split(r"[ ;<>=\[]", line)[0] for line in required if "workstation" in line}
    libraries = {"tensorflow", "keras", "tf_keras", "h5py", "flatbuffers", "matplotlib"}
    assert workstation == libraries
    heic = {re.split(r"[ ;<>=\[]", line)[0] for line in required if 'extra == "heic"' in line}
    assert heic == {"pillow-heif"}


def test_the_description_has_the_version_and_no_relative_link(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    assert message["Version"] == __version__
    description = str(message.get_payload())
    assert "docs/how-to/set-up-a-device.md" in description
    assert not re.search(r"\]\((?!https:)", description)


@pytest.mark.slow
def test_a_bare_device_install_predicts_informs_and_reports(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the installed package is tested, not the source tree.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    for words in (("--require-hashes", "-r", ROOT / "device.lock"), ("--no-deps", wheel)):
        pip = (python, "-m", "pip", "install", "--quiet", *words)
        subprocess.run(pip, check=True, capture_output=True)

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
    making = (
        "import pathlib, mnist_edge.deployment.bundle as b; b.make_own_wheel(pathlib.Path('own'))"
    )
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

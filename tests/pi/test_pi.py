"""The project on the systems of Raspberry Pis, emulated: the wheels are those that pip gives there.

It proves answers, the same integers as on x86-64, and nothing of speed: qemu runs Arm's
instructions one after another. What belongs to the hardware (heat, power, cameras) is not there.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.sandbox import SandboxRun, run_sandboxed
from mnist_edge.runtimes.selection import NUMPY, RUNTIMES, using_runtime
from tests.support.paths import ROOT
from tests.support.systems import SYSTEMS, System, name_of
from tests.support.userland import PYTHON, Userland

PICTURES = sorted((ROOT / "tests" / "data" / "pictures").glob("*.png"))
SAMPLES = ROOT / "mnist_edge" / "samples"
MODELS = ("edge", "nano")
GOLDEN_RUNTIME = "tflite-runtime"
CLEAR = 2
"""Steps between the two likeliest digits that another runtime's rounding cannot bridge."""

Run = Callable[..., str]

WITH_A_RUNTIME = [system for system in SYSTEMS if system.runtime != NUMPY]
"""Those that are quick enough for whole models' worth of digits; the first of ``SYSTEMS``, by whose
places pytest puts the tests of one together."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mnist_edge(pi: Userland) -> Run:
    """Run the program as a user does and return its output."""

    def there(*arguments: str) -> str:
        ran = pi.run([".venv/bin/mnist-edge", *arguments])
        assert ran.returncode == 0, ran.stderr
        assert "Warning" not in ran.stderr
        return ran.stdout

    return there


@pytest.fixture(scope="module")
def digits(system: System, test_digits: Digits) -> Digits:
    """Test digits from all of the 10,000, which begin with easy ones."""
    apart = len(test_digits) // system.digits
    return test_digits.take(apart * np.arange(system.digits))


@pytest.fixture(scope="module")
def runtimes(system: System) -> list[str]:
    """The default runtime, and numpy."""
    return list(dict.fromkeys((system.runtime, NUMPY)))


@pytest.fixture(scope="module")
def pictures(userland: Userland) -> list[str]:
    """Their paths in the home folder."""
    # numpy's operators take ten seconds a picture there.
    some = PICTURES[-1:] if userland.system.runtime == NUMPY else PICTURES
    paths = [*some, SAMPLES / "digit.png"]
    for picture in paths:
        shutil.copy(picture, userland.home)
    return [picture.name for picture in paths]


def here(*arguments: str | Path, cwd: Path) -> str:
    """Run the program here, on the runtime of the golden vectors, and return its output."""
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *arguments, "--runtime", GOLDEN_RUNTIME],
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
    ).stdout


def answers(lines: str) -> list[tuple[str, int | None]]:
    """Parse the paths and digits of ``--format jsonl``."""
    return [(output["path"], output["digit"]) for output in map(json.loads, lines.splitlines())]


def test_the_doctor_finds_no_fault(pi: Userland, mnist_edge: Run) -> None:
    system = pi.system
    document = json.loads(mnist_edge("doctor", "--format", "json"))
    findings = {finding["name"]: finding for finding in document["findings"]}
    wanting = {name for name, finding in findings.items() if finding["status"] != "good"}
    # A processor without vectors is slow, and the doctor says so.
    assert wanting == ({"cpu"} if system.runtime == NUMPY else set()), findings
    assert document["status"] == ("warning" if wanting else "good")
    assert findings["cpu"]["facts"]["name"].lower() == system.processor
    assert findings["cpu"]["facts"]["architecture"] == system.wheels
    assert findings["python"]["facts"]["version"].startswith(f"{system.python}.")
    # No package of a workstation is installed.
    for runtime in RUNTIMES:
        facts = findings["numpy-runtime" if runtime == NUMPY else runtime]["facts"]
        assert facts["in_use"] == (runtime == system.runtime)
        assert (facts["version"] is not None) == (runtime in {system.runtime, NUMPY})
    for model in MODELS:
        assert findings[f"self-test {model}"]["facts"]["runtime"].startswith(system.runtime)


def test_predict_reads_pictures(
    runtimes: list[str], pi: Userland, pictures: list[str], mnist_edge: Run
) -> None:
    expected = answers(here("predict", "--format", "jsonl", *pictures, cwd=pi.home))
    assert expected[-1] == ("digit.png", 7)
    output = mnist_edge("predict", "--format", "jsonl", *pictures)
    assert answers(output) == expected
    for runtime in runtimes[1:]:
        # What is before the runtime is the same, and two pictures take no worker process.
        options = ("--format", "jsonl", "--runtime", runtime)
        assert answers(mnist_edge("predict", *options, *pictures[-2:])) == expected[-2:]


def test_info_describes_a_model(pi: Userland, mnist_edge: Run) -> None:
    output = mnist_edge("info")
    assert "(verified)" in output
    assert pi.system.runtime in output


@pytest.fixture(scope="module")
def logits(digits: Digits) -> Callable[[str], SandboxRun]:
    """Run a model here, on the runtime of the golden vectors."""
    runs: dict[str, SandboxRun] = {}

    def of(model: str) -> SandboxRun:
        if model not in runs:
            with using_runtime(GOLDEN_RUNTIME):
                content = loading.load_model(ROOT / "models" / model).content
                runs[model] = run_sandboxed(content, digits.images, name=model)
        return runs[model]

    return of


RUN_THERE = """
import json, sys
from mnist_edge.runtimes.sandbox import run_in_folder
from mnist_edge.runtimes.selection import using_runtime

found = []
for folder in sys.argv[1:]:
    with using_runtime(folder.split("/")[-1]):
        found.append(run_in_folder(folder)["runtime"])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ran(
    pi: Userland, runtimes: list[str], digits: Digits
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """The logits of each model on each runtime there, by the names of both.

    They run as in the child of ``mnist_edge.runtimes.sandbox``, but one after another in one
    process: qemu takes seconds to import numpy.
    """
    folders = {}
    for model, runtime in itertools.product(MODELS, runtimes):
        folders[model, runtime] = folder = Path("trials", model, runtime)
        (pi.home / folder).mkdir(parents=True)
        shutil.copy(ROOT / "models" / model / "int8.tflite", pi.home / folder / "model.tflite")
        np.save(pi.home / folder / "pixels.npy", digits.images[:: apart(pi.system, runtime)])
    names = json.loads(pi.check([PYTHON, "-c", RUN_THERE, *folders.values()]))
    for (_, runtime), name in zip(folders, names, strict=True):
        assert name.startswith(runtime)
    return {key: np.load(pi.home / folder / "logits.npy") for key, folder in folders.items()}


def apart(system: System, runtime: str) -> int:
    """Return how far apart the digits are that a runtime reads; numpy beside another reads few."""
    return 1 if runtime == system.runtime else 4


@pytest.mark.parametrize("model", MODELS)
def test_the_runtime_gives_the_integers_of_x86_64(
    model: str,
    runtimes: list[str],
    pi: Userland,
    ran: dict[tuple[str, str], NDArray[np.float64]],
    logits: Callable[[str], SandboxRun],
) -> None:
    expected = logits(model)
    second, first = np.sort(expected.logits, axis=1)[:, -2:].T
    clear = first - second > CLEAR * expected.output.scale
    assert clear.mean() > 0.95
    for runtime in runtimes:
        found, known = ran[model, runtime], expected.logits[:: apart(pi.system, runtime)]
        if runtime in {GOLDEN_RUNTIME, NUMPY}:
            np.testing.assert_array_equal(found, known, runtime)
        else:
            same = found.argmax(axis=1) == known.argmax(axis=1)
            assert same[clear].all()


DELEGATED_THERE = """
import json, sys
from mnist_edge.runtimes.backends import import_runtime

native = import_runtime(sys.argv[1])
found = {}
for scheme in ("float32", "int8"):
    interpreter = native.Interpreter(model_path=f"delegated/{scheme}.tflite", num_threads=1)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    found[scheme] = [one["outputs"][0] for one in operators if one["op_name"] == "DELEGATE"]
    found[scheme] = found[scheme] == [interpreter.get_output_details()[0]["index"]]
print(json.dumps(found))
"""
"""It is listed as an operator besides those that it replaces, with the last one's outputs."""


@pytest.mark.parametrize("system", WITH_A_RUNTIME, indirect=True, ids=name_of)
def test_the_runtime_hands_to_xnnpack_what_the_page_says(pi: Userland) -> None:
    folder = pi.home / "delegated"
    folder.mkdir()
    for scheme in ("float32", "int8"):
        shutil.copy(ROOT / "models" / "edge" / f"{scheme}.tflite", folder)
    found = json.loads(pi.check([PYTHON, "-c", DELEGATED_THERE, pi.system.runtime]))
    rows = (ROOT / "docs" / "how-to" / "measure-speed.md").read_text(encoding="utf-8").splitlines()
    row = f"| {pi.system.runtime} | {pi.system.wheels} |"
    assert [line for line in rows if line.startswith(row)] == [
        f"{row} {' | '.join('yes' if found[scheme] else 'no' for scheme in found)} |"
    ]


@pytest.fixture(scope="module")
def labeled(pi: Userland, digits: Digits) -> Iterator[Path]:
    """A folder of labeled pictures in the home folder."""
    folder = pi.home / "photos"
    folder.mkdir()
    lines = ["path,label"]
    for index, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        Image.fromarray(image).save(folder / f"{index:03}.png")
        lines.append(f"{index:03}.png,{label}")
    (folder / "labels.csv").write_text("\n".join(lines))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("system", WITH_A_RUNTIME, indirect=True, ids=name_of)
def test_a_report_has_the_counts_of_x86_64(pi: Userland, labeled: Path, mnist_edge: Run) -> None:
    # int8 alone: the times of float32, which nobody wants of qemu, take a minute and a half.
    alone = ("--scheme", "int8", "--against", "int8", "--corrupted", "0")
    arguments = ("report", "nano", *alone, "--pictures", labeled.name, "--format", "json")
    there = json.loads(mnist_edge(*arguments, "--out", "there"))
    expected = json.loads(here(*arguments, "--out", "here", cwd=pi.home))
    assert (pi.home / "there" / "report.html").is_file()
    assert there["data"] == expected["data"]
    for one, other in zip(there["schemes"], expected["schemes"], strict=True):
        assert one["total"] == pi.system.digits
        assert one["confusion"] == other["confusion"]
    assert there["runtime"].startswith(pi.system.runtime)
    assert pi.system.wheels in there["times"]["machine"]


@pytest.mark.parametrize("system", WITH_A_RUNTIME, indirect=True, ids=name_of)
def test_models_are_installed_and_rolled_back(pi: Userland, mnist_edge: Run) -> None:
    for suffix in ("tflite", "json"):
        shutil.copy(ROOT / "models" / "nano" / f"int8.{suffix}", pi.home)
    output = mnist_edge("model", "install", "int8.tflite")
    assert output.startswith("in use: nano-int8-")
    assert "of 100 built-in digits" in output
    assert "nano-int8-" in mnist_edge("model", "list")
    assert "edge" in mnist_edge("model", "rollback")

from __future__ import annotations

import hashlib
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore.loading import load_model
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.sandbox import NO_DIGITS, open_model, run_sandboxed
from tests.support.paths import NANO

MIB = 1 << 20


@pytest.fixture(autouse=True)
def cached_sandbox() -> None:
    """Run every model in a child process."""


def test_a_sandboxed_run_gives_the_interpreters_logits(nano: Path, test_digits: Digits) -> None:
    content = (nano / "int8.tflite").read_bytes()
    interpreter = Interpreter(content)
    trial = run_sandboxed(content, test_digits.images[:20], name="nano")
    assert (trial.input, trial.output) == (interpreter.input, interpreter.output)
    assert np.array_equal(trial.logits, interpreter.logits(test_digits.images[:20]))


@pytest.mark.parametrize("scale", [math.nan, math.inf, -1.0])
def test_an_invalid_scale_is_refused(scale: float, tiny: Path) -> None:
    content = (tiny / "quadrants-int8.tflite").read_bytes()
    before = np.float32(Interpreter(content).output.scale).tobytes()
    assert before in content
    with pytest.raises(InvalidModel):
        run_sandboxed(
            content.replace(before, np.float32(scale).tobytes()), NO_DIGITS, name="damaged"
        )


OPEN_MODELS = """
import json, resource, sys
from mnist_edge.errors import MnistEdgeError
from mnist_edge.modelstore.loading import load_model
from mnist_edge.runtimes.sandbox import open_model

limit, *paths = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
outcomes = []
for path in paths:
    try:
        open_model(load_model(path))
        outcomes.append("opened")
    except MnistEdgeError as error:
        outcomes.append(type(error).__name__ + (" of many lines" if "\\n" in str(error) else ""))
largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"outcomes": outcomes, "largest": largest}))
"""


def open_models(paths: list[Path], *, limit: int) -> dict[str, Any]:
    """Open models in a process with a memory limit of ``limit`` bytes."""
    words = [sys.executable, "-c", OPEN_MODELS, str(limit), *map(str, paths)]
    ran = subprocess.run(words, check=True, capture_output=True)
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


@pytest.mark.slow
def test_a_model_truncated_anywhere_is_an_error(nano: Path, tmp_path: Path) -> None:
    whole = (nano / "int8.tflite").read_bytes()
    lengths = [0, 7, 8, 20, *(len(whole) * part // 8 for part in range(1, 8))]
    paths = [tmp_path / f"{length}.tflite" for length in lengths]
    for path, length in zip(paths, lengths, strict=True):
        path.write_bytes(whole[:length])
    found = open_models(paths, limit=1024 * MIB)
    assert found["outcomes"] == ["InvalidModel"] * len(lengths)


def with_flipped_bytes(content: bytes, seed: int) -> bytes:
    damaged, draw = bytearray(content), random.Random(seed)  # noqa: S311  # damage, not secrets
    for _ in range(8):
        damaged[draw.randrange(8, len(damaged))] = draw.randrange(256)
    return bytes(damaged)


@pytest.mark.slow
def test_a_model_with_flipped_bytes_never_ends_the_process(nano: Path, tmp_path: Path) -> None:
    whole = (nano / "int8.tflite").read_bytes()
    paths = [tmp_path / f"{seed}.tflite" for seed in range(12)]
    for seed, path in enumerate(paths):
        path.write_bytes(with_flipped_bytes(whole, seed))
    found = open_models(paths, limit=1024 * MIB)
    assert set(found["outcomes"]) <= {"opened", "InvalidModel", "UnsuitableModel"}
    assert "InvalidModel" in found["outcomes"]


def test_a_damaged_model_does_not_allocate_the_memory_it_claims(
    tiny: Path,
) -> None:
    found = open_models([tiny / "greedy.tflite"], limit=4096 * MIB)
    assert found["outcomes"] == ["InvalidModel"]
    # Unlimited, the runtime takes 1,750 MiB, which is more than a small Pi has.
    assert found["largest"] < 1024 * MIB


def test_a_manifest_that_came_with_a_damaged_model_does_not_vouch_for_it(tmp_path: Path) -> None:
    content = (NANO / "int8.tflite").read_bytes()[:9000]
    manifest = json.loads((NANO / "int8.json").read_bytes())
    forged = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (tmp_path / "int8.tflite").write_bytes(content)
    (tmp_path / "int8.json").write_text(json.dumps({**manifest, **forged}), encoding="utf-8")
    model = load_model(tmp_path)
    assert model.manifest is not None
    with pytest.raises(InvalidModel, match=r"int8.tflite: the model is damaged: it has something"):
        open_model(model)

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from converters import loader, schemes, tf_converter
from converters.compact import compact, parse_model
from converters.dynamic_batch import with_any_batch
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore import SCHEMES
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.training import networks
from mnist_edge.training.frameworks import import_keras
from tests.support.paths import ROOT
from tests.support.peers import run_peer

PEERS = ROOT / "tests" / "peers"
DIGITS = 7


def _run_here(script: str, *arguments: Path) -> str:
    """Run a script of ``tests/peers`` on tflite-runtime and return its output."""
    command = [sys.executable, str(PEERS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", params=[networks.article_cnn, networks.mlp_128_dropout])
def flattening(
    request: pytest.FixtureRequest, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """A hardly trained network that flattens, in each scheme as TensorFlow writes it."""
    import_keras().utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("flattening") / "model.keras"
    request.param().save(path)
    network = loader.load_trained_model(path, small_mnist.validation.images[:1]).network
    calibration = small_mnist.train.images[:100]
    return {
        name: tf_converter.to_tflite(network, RAW_PIXELS, make(), calibration)
        for name, make in schemes.SCHEMES.items()
    }


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "run", [_run_here, pytest.param(run_peer, marks=pytest.mark.slow)], ids=["tflite", "litert"]
)
def test_a_batch_gives_the_logits_of_its_digits(
    flattening: dict[str, bytes],
    scheme: str,
    run: Callable[..., str],
    small_mnist: Mnist,
    tmp_path: Path,
) -> None:
    model, inputs, outputs = (tmp_path / name for name in ("m.tflite", "in.npy", "out.npz"))
    model.write_bytes(compact(with_any_batch(flattening[scheme])))
    (graph,) = parse_model(model.read_bytes()).subgraphs
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    pixels = small_mnist.validation.images[:DIGITS].reshape(DIGITS, *shape)
    own = {"int8": pixels.astype(np.int16) - 128, "int16x8": pixels.astype(np.int16) * 128}
    dtype = {"int8": np.int8, "int16x8": np.int16}.get(scheme, np.float32)
    np.save(inputs, own.get(scheme, pixels).astype(dtype))
    run("run_resized.py", model, inputs, outputs)
    with np.load(outputs) as found:
        single, batch = found["single"], found["batch"]
    assert single.shape == batch.shape == (DIGITS, 10)
    assert len(np.unique(single, axis=0)) > 1
    # A sum of floats depends on its order.
    assert np.allclose(single, batch, rtol=1e-5, atol=1e-4 if dtype is np.float32 else 0)


def test_only_the_batch_of_a_reshape_changes(flattening: dict[str, bytes]) -> None:
    for content in flattening.values():
        before, after = parse_model(content), parse_model(with_any_batch(content))
        changed = [
            (one.data.view("<i4").tolist(), other.data.view("<i4").tolist())
            for one, other in zip(before.buffers, after.buffers, strict=True)
            if one.data is not None and not np.array_equal(one.data, other.data)
        ]
        assert len(changed) == 1
        ((old, new),) = changed
        assert old[0] == 1
        assert new == [-1, *old[1:]]
        assert with_any_batch(with_any_batch(content)) == with_any_batch(content)


def test_a_file_that_is_not_a_model_is_refused() -> None:
    with pytest.raises(InvalidModel, match="not a TFLite model"):
        with_any_batch(b"not a model")

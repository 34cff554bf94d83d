from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters import loader, schemes, tf_converter
from converters.compact import compact
from converters.metadata import Metadata, add_metadata
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore.loading import SCHEMES
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import run_sandboxed

GREY = Metadata(name="nano", color_space="grayscale", input_range=(-128, 127))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_metadata_is_small_and_keeps_the_logits(
    scheme: str, nano: Path, small_mnist: Mnist
) -> None:
    network = loader.load_trained_model(
        nano / "model.keras", small_mnist.validation.images[:1]
    ).network
    plain = compact(
        tf_converter.to_tflite(
            network, RAW_PIXELS, schemes.SCHEMES[scheme](), small_mnist.train.images[:50]
        )
    )
    described = add_metadata(plain, GREY)
    assert described == add_metadata(plain, GREY)
    assert len(described) - len(plain) <= 600 + 16  # the flatbuffer is of whole sixteens
    digits = small_mnist.validation.images[:100]
    before, after = (run_sandboxed(one, digits, name=scheme) for one in (plain, described))
    assert (before.input, before.output) == (after.input, after.output)
    assert np.array_equal(before.logits, after.logits)


def test_a_file_that_cannot_take_metadata_is_refused(nano: Path) -> None:
    with pytest.raises(InvalidModel, match="already"):
        add_metadata((nano / "int8.tflite").read_bytes(), GREY)
    with pytest.raises(InvalidModel, match="not a TFLite model"):
        add_metadata(b"not a model", GREY)

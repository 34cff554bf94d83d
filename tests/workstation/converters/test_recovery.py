from __future__ import annotations

import re
from pathlib import Path

import pytest

from converters import conversion, schemes
from converters.accuracy_gate import AccuracyGate
from converters.conversion import Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import AccuracyLost, ConversionError
from mnist_edge.metrics.paired import compare
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support.conversions import DROP_BOUND, convert_all, save_unbalanced


@pytest.mark.slow
def test_recovery_finds_the_best_variant_and_lists_what_it_tried(
    small_mnist: Mnist, tmp_path: Path
) -> None:
    unbalanced = conversion.prepare(save_unbalanced(small_mnist, tmp_path / "a.keras"), small_mnist)
    out = tmp_path / "out"
    with pytest.raises(ConversionError, match="logits are the same") as caught:
        convert_all(unbalanced, out, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND))
    assert "tried" not in str(caught.value)
    (rescued,) = convert_all(
        unbalanced, out, [schemes.int8()], gate=AccuracyGate(max_drop_point=DROP_BOUND), rescue=True
    )
    assert rescued.tried[0] == "100 calibration digits of seed 1: failed verification"
    assert rescued.tried[-1].startswith("equalized channels: ")
    assert rescued.drop <= DROP_BOUND
    logits = run_sandboxed(rescued.content, small_mnist.test.images, name="rescued").logits
    own = conversion.keras_logits(unbalanced.model, unbalanced.scaling, small_mnist.test)
    assert compare(own, logits, small_mnist.test.labels).drop <= DROP_BOUND


@pytest.mark.slow
def test_a_failed_recovery_lists_what_it_tried(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(AccuracyLost, match="nothing was written") as caught:
        convert_all(
            prepared,
            tmp_path,
            [schemes.int8()],
            gate=AccuracyGate(max_drop_point=-5.0),
            rescue=True,
        )
    for tried in ("2000 calibration digits of seed 1", "500 .* of seed 3", "equalized", "int16x8"):
        assert re.search(rf"{tried}.*: [+-]\d+\.\d\d points", str(caught.value))

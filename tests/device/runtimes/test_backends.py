from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits
from mnist_edge.runtimes.backends import open_backend
from mnist_edge.runtimes.interpreter import Interpreter
from tests.support.paths import ROOT


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_and_threads_change_no_logit(
    scheme: str, threads: int, nano: Path, test_digits: Digits
) -> None:
    content = (nano / f"{scheme}.tflite").read_bytes()
    interpreter = Interpreter(content, threads=threads)
    digits = test_digits.images[:150]
    alone = np.stack([Interpreter(content).logits(digits[[at]])[0] for at in (0, 7, 8, 149)])
    for count in (150, 149, 9, 8, 7, 1):
        found = interpreter.logits(digits[:count])
        kept = [at for at in (0, 7, 8, 149) if at < count]
        assert np.array_equal(found[kept], alone[: len(kept)])


def test_a_graph_with_a_fixed_batch_is_run_one_by_one(test_digits: Digits) -> None:
    # Its RESHAPE has 784 written into it.
    content = (ROOT / "models/softmax-1k/int8.tflite").read_bytes()
    together = Interpreter(content).logits(test_digits.images[:20])
    alone = [Interpreter(content).logits(digit[np.newaxis])[0] for digit in test_digits.images[:20]]
    assert np.array_equal(together, alone)
    assert open_backend(content).inputs[0].shape[0] == 1

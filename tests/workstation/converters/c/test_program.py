from __future__ import annotations

from converters.c.memory import plan_memory
from converters.c.program import build_program
from tests.support.paths import NANO


def test_a_pooling_is_computed_with_its_convolution() -> None:
    program = build_program((NANO / "int8.tflite").read_bytes())
    assert [layer.operators for layer in program.layers] == [
        "CONV_2D",
        "CONV_2D and MAX_POOL_2D",
        *["CONV_2D"] * 4,
        "MEAN",
        "FULLY_CONNECTED",
    ]
    assert program.layers[1].before == (14, 14, 8)
    assert program.layers[1].after == (7, 7, 16)
    assert program.sizes[program.output] == 10
    assert plan_memory(program).size < sum(program.sizes.values())

"""A ``.tflite`` that whoever loads it may resize, to run many digits at once.

A model is converted for one digit, and a layer that flattens then becomes a RESHAPE to one row, in
which no batch fits. To as many rows as it takes, it makes the same one of one digit.
"""

from __future__ import annotations

import numpy as np

from converters.compact import parse_model, serialize_model

_ANY = -1
"""What RESHAPE takes for one of its sizes, to be told by the others."""


def with_any_batch(content: bytes) -> bytes:
    """A model whose every RESHAPE of one digit reshapes any number of them.

    What it makes of one digit stays, bit for bit.

    Args:
        content: the bytes of a ``.tflite`` file without TFLite Metadata.

    Raises:
        InvalidModel: the bytes are no TFLite model, or it has TFLite Metadata.
        MissingDependency: the workstation extra is not installed.
    """
    model = parse_model(content)
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode != BuiltinOperator.RESHAPE:
                continue
            taken, wanted = (graph.tensors[index] for index in operator.inputs)
            constant = model.buffers[wanted.buffer]
            if constant.data is None:
                continue
            sizes = np.asarray(constant.data, np.uint8).view("<i4").copy()
            if taken.shape[0] == sizes[0] == 1 and _ANY not in sizes:
                sizes[0] = _ANY
                constant.data = sizes.view(np.uint8)
    return serialize_model(model)

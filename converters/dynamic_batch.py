"""Allow the batch of a ``.tflite`` file to be resized, to run many digits at once.

A model is converted for a batch of one, so a flattening layer becomes a RESHAPE to exactly one row.
With an inferred number of rows it computes the same for one digit, and fits any batch.
"""

from __future__ import annotations

import numpy as np

from converters.compact import parse_model, serialize_model

_INFERRED = -1
"""RESHAPE's mark of the one size to infer from the others."""


def with_any_batch(content: bytes) -> bytes:
    """Change every RESHAPE of one digit to reshape any number of digits.

    The answers for one digit stay the same, bit for bit.

    Args:
        content: the bytes of a ``.tflite`` file without TFLite Metadata.

    Raises:
        InvalidModel: the bytes are not a TFLite model, or it has TFLite Metadata.
        MissingDependency: the workstation extra is not installed.
    """
    model = parse_model(content)
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode != BuiltinOperator.RESHAPE:
                continue
            source, target = (graph.tensors[index] for index in operator.inputs)
            constant = model.buffers[target.buffer]
            if constant.data is None:
                continue
            sizes = np.asarray(constant.data, np.uint8).view("<i4").copy()
            if source.shape[0] == sizes[0] == 1 and _INFERRED not in sizes:
                sizes[0] = _INFERRED
                constant.data = sizes.view(np.uint8)
    return serialize_model(model)

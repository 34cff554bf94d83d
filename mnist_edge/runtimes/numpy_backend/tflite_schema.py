"""The parts of the TFLite schema that are read here: fields by name, and enumerations.

A class is a table of the schema, and a ``Field`` is the position and the type of one of its fields
(tensorflow/compiler/mlir/lite/schema/schema.fbs). The schema only ever appends fields, so the
positions hold for every version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True)
class Field:
    """Where a table keeps a field, and what it is."""

    position: int
    """Position among the fields of the table, from 0."""
    type: str = ""
    """``struct``'s code of a number, or of the numbers in a vector; empty for tables."""
    default: float = 0
    """Value of a number that the file leaves out."""


class ModelFields:
    """Table ``Model``, the root of a file."""

    OPERATOR_CODES = Field(1)
    SUBGRAPHS = Field(2)
    DESCRIPTION = Field(3, "B")
    BUFFERS = Field(4)
    METADATA_BUFFER = Field(5, "i")
    METADATA = Field(6)
    SIGNATURE_DEFS = Field(7)


class MetadataFields:
    """Table ``Metadata``: a named buffer that describes the model."""

    NAME = Field(0, "B")
    BUFFER = Field(1, "I")


class SignatureFields:
    """Table ``SignatureDef``: a named way to call the model."""

    INPUTS = Field(0)
    OUTPUTS = Field(1)
    KEY = Field(2, "B")
    SUBGRAPH_INDEX = Field(4, "I")


class TensorMapFields:
    """Table ``TensorMap``: the name that a signature has for a tensor."""

    NAME = Field(0, "B")
    TENSOR = Field(1, "I")


class OperatorCodeFields:
    """Table ``OperatorCode``: a kind of operator that the model uses."""

    DEPRECATED_BUILTIN_CODE = Field(0, "b")
    CUSTOM_CODE = Field(1, "B")
    VERSION = Field(2, "i", default=1)
    BUILTIN_CODE = Field(3, "i")


class SubGraphFields:
    """Table ``SubGraph``."""

    TENSORS = Field(0)
    INPUTS = Field(1, "i")
    OUTPUTS = Field(2, "i")
    OPERATORS = Field(3)


class TensorFields:
    """Table ``Tensor``."""

    SHAPE = Field(0, "i")
    TYPE = Field(1, "b")
    BUFFER = Field(2, "I")
    NAME = Field(3, "B")
    QUANTIZATION = Field(4)
    SHAPE_SIGNATURE = Field(7, "i")


class QuantizationFields:
    """Table ``QuantizationParameters``."""

    MIN = Field(0, "f")
    MAX = Field(1, "f")
    SCALE = Field(2, "f")
    ZERO_POINT = Field(3, "q")
    QUANTIZED_DIMENSION = Field(6, "i")


class BufferFields:
    """Table ``Buffer``: the values of a constant tensor."""

    DATA = Field(0, "B")


class OperatorFields:
    """Table ``Operator``."""

    OPCODE_INDEX = Field(0, "I")
    INPUTS = Field(1, "i")
    OUTPUTS = Field(2, "i")
    BUILTIN_OPTIONS = Field(4)
    CUSTOM_OPTIONS = Field(5, "B")


class Conv2DOptions:
    """Table ``Conv2DOptions``."""

    PADDING = Field(0, "b")
    STRIDE_W = Field(1, "i")
    STRIDE_H = Field(2, "i")
    ACTIVATION = Field(3, "b")
    DILATION_W = Field(4, "i", default=1)
    DILATION_H = Field(5, "i", default=1)


class DepthwiseConv2DOptions:
    """Table ``DepthwiseConv2DOptions``."""

    PADDING = Field(0, "b")
    STRIDE_W = Field(1, "i")
    STRIDE_H = Field(2, "i")
    ACTIVATION = Field(4, "b")
    DILATION_W = Field(5, "i", default=1)
    DILATION_H = Field(6, "i", default=1)


class Pool2DOptions:
    """Table ``Pool2DOptions``."""

    PADDING = Field(0, "b")
    STRIDE_W = Field(1, "i")
    STRIDE_H = Field(2, "i")
    FILTER_W = Field(3, "i")
    FILTER_H = Field(4, "i")
    ACTIVATION = Field(5, "b")


class FullyConnectedOptions:
    """Table ``FullyConnectedOptions``."""

    ACTIVATION = Field(0, "b")
    WEIGHTS_FORMAT = Field(1, "b")


class MulOptions:
    """Table ``MulOptions``."""

    ACTIVATION = Field(0, "b")


class AddOptions:
    """Table ``AddOptions``."""

    ACTIVATION = Field(0, "b")


class ReducerOptions:
    """Table ``ReducerOptions``, of MEAN."""

    KEEP_DIMS = Field(0, "b")


class SoftmaxOptions:
    """Table ``SoftmaxOptions``."""

    BETA = Field(0, "f")


class Padding(IntEnum):
    """Enumeration ``Padding``."""

    SAME = 0
    VALID = 1


class Activation(IntEnum):
    """Enumeration ``ActivationFunctionType``: how an operator may bound its output."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3


DEFAULT_WEIGHTS_FORMAT = 0
"""Weights in rows, the only format of ``FullyConnectedOptionsWeightsFormat`` in use."""

DTYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
}
"""numpy's names of tensor types, by their numbers in ``TensorType``."""

CUSTOM_OPERATOR = 32
"""Number of the operators that have a name of their own."""
OPERATORS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    11: "L2_NORMALIZATION",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    34: "PAD",
    28: "TANH",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    60: "PADV2",
    70: "EXPAND_DIMS",
    98: "LEAKY_RELU",
    114: "QUANTIZE",
    117: "HARD_SWISH",
}
"""Names of operators, by their numbers in ``BuiltinOperator``: those that numpy runs, and others
that are common in digit models."""

"""Write an int8 model as an ONNX file, to time onnxruntime with the same model.

    PYTHONPATH=. .venv-peers/bin/python -m benchmarks.peers.onnx_model MODEL.tflite OUT.onnx

Weights, biases, scales and zero points are the TFLite file's own, in the form that onnxruntime
fuses into its integer kernels: QuantizeLinear and DequantizeLinear around each operator, which its
page on quantization calls QDQ. Between operators are uint8 instead of int8, 128 more, for which it
has its quickest kernels on x86-64, and which makes the input plain pixels. It rounds in its own
way, so that an output may be a step off: whoever times it compares the answers first.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator, Tensor, parse_graph
from mnist_edge.runtimes.numpy_backend.tflite_schema import Activation, Conv2DOptions, Pool2DOptions

onnx: Any = import_module("onnx")  # the peers' environment alone has it
_OPSET, _FORMAT = 17, 9
"""Versions of ONNX's operators and of its file, which every onnxruntime since 1.14 reads."""
_SIGNED = 128
"""How much more an integer is in uint8 than in int8."""
_PADDING = ("SAME_UPPER", "VALID")
"""ONNX's names of the schema's paddings, by their number there."""


class OnnxModel:
    """A TFLite model's operators, in ONNX's.

    Args:
        graph: a chain of operators from one input to one output.
    """

    def __init__(self, graph: Graph) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        taken, given = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
        real = self._dequantized("pixels", taken)
        for operator in graph.operators:
            real = self._step(operator, graph.tensors, real)
        value = onnx.helper.make_tensor_value_info
        kind, (height, width) = onnx.TensorProto, taken.shape[1:3]
        self.proto = onnx.helper.make_model(
            onnx.helper.make_graph(
                self._nodes,
                "mnist-edge",
                [value("pixels", kind.UINT8, ["n", 1, height, width])],
                [value(real, kind.FLOAT, ["n", given.shape[-1]])],
                self._constants,
            ),
            opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
            ir_version=_FORMAT,
        )
        """The model: from ``(n, 1, 28, 28) uint8`` pixels to ``(n, 10) float32`` logits."""
        onnx.checker.check_model(self.proto, full_check=True)

    def _step(self, operator: GraphOperator, tensors: tuple[Tensor, ...], real: str) -> str:
        """Add an operator on real values; return the name of its output."""
        options, made = operator.options, tensors[operator.outputs[0]]
        if operator.name == "CONV_2D":
            # What is below 0.0 is cut off where it becomes uint8 again.
            is_relu = options.scalar(Conv2DOptions.ACTIVATION) == Activation.RELU
            if is_relu and made.zero_point != -_SIGNED:
                raise SystemExit("a ReLU that its tensor's range does not make: not known here")
            weights = self._weights(operator, tensors, lambda values: values.transpose(0, 3, 1, 2))
            strides = options.scalar(Conv2DOptions.STRIDE_H), options.scalar(Conv2DOptions.STRIDE_W)
            padding = _PADDING[options.scalar(Conv2DOptions.PADDING)]
            real = self._node("Conv", real, *weights, strides=strides, auto_pad=padding)
        elif operator.name == "MAX_POOL_2D":
            strides = options.scalar(Pool2DOptions.STRIDE_H), options.scalar(Pool2DOptions.STRIDE_W)
            window = options.scalar(Pool2DOptions.FILTER_H), options.scalar(Pool2DOptions.FILTER_W)
            real = self._node("MaxPool", real, strides=strides, kernel_shape=window)
        elif operator.name == "MEAN":
            real = self._requantized(self._node("GlobalAveragePool", real), made)
            real = self._node("Flatten", real)
        elif operator.name == "RESHAPE":
            # Channels come last in TFLite, and first in ONNX.
            real = self._node("Flatten", self._node("Transpose", real, perm=(0, 2, 3, 1)))
        elif operator.name == "FULLY_CONNECTED":
            weights = self._weights(operator, tensors, lambda values: values)
            real = self._node("Gemm", real, *weights, transB=1)
        else:
            raise SystemExit(f"{operator.name} is not known here")
        return self._requantized(real, made)

    def _weights(
        self, operator: GraphOperator, tensors: tuple[Tensor, ...], ordered: Any
    ) -> list[str]:
        """Add weights and biases, dequantized from integers with one scale per channel."""
        names = []
        for position, order in zip(operator.inputs[1:], (ordered, np.asarray), strict=True):
            tensor = tensors[position]
            values = self._constant(order(tensor.data))
            zeros = np.zeros(len(tensor.scales), tensor.dtype)
            scales = self._constant(tensor.scales), self._constant(zeros)
            names.append(self._node("DequantizeLinear", values, *scales, axis=0))
        return names

    def _requantized(self, real: str, tensor: Tensor) -> str:
        integers = self._node("QuantizeLinear", real, *self._scale(tensor))
        return self._dequantized(integers, tensor)

    def _dequantized(self, integers: str, tensor: Tensor) -> str:
        return self._node("DequantizeLinear", integers, *self._scale(tensor))

    def _scale(self, tensor: Tensor) -> tuple[str, str]:
        zero = np.uint8(tensor.zero_point + _SIGNED)
        return self._constant(np.float32(tensor.scale)), self._constant(zero)

    def _constant(self, values: NDArray[Any] | np.generic) -> str:
        name = f"constant{len(self._constants)}"
        array = np.array(values, np.asarray(values).dtype.newbyteorder("="), order="C")
        self._constants.append(onnx.numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, *names: str, **attributes: Any) -> str:
        name = f"{kind}{len(self._nodes)}"
        self._nodes.append(onnx.helper.make_node(kind, names, [name], name, **attributes))
        return name


def main() -> None:
    """Write the model."""
    source, target = map(Path, sys.argv[1:])
    target.write_bytes(OnnxModel(parse_graph(source.read_bytes())).proto.SerializeToString())


if __name__ == "__main__":
    main()

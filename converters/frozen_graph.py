"""Frozen TensorFlow graphs, the common form of every kind of model file.

Keras 2, Keras 3 and SavedModels differ in how they store a network, not in the graph it becomes.
Here the graph is inspected and changed for conversion: the softmax at its end, a fixed batch size,
the scaling of its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph_nodes import all_nodes, behind_identities, node_name
from converters.graph_rewrites import (
    fold_reciprocal_roots,
    remove_fake_quantization,
    split_by_slices,
)
from converters.graph_types import take_floats, widen_to_float32
from converters.layer_check import describe_wrapper
from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import UnsuitableModel
from mnist_edge.training.frameworks import import_tensorflow

_BATCH_SIZE = 250
"""Digits run at a time if the batch size is free."""

_SOFTMAXES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
"""Operations that turn logits into probabilities of the same order, with Keras' names for them."""
_LOOPS = {"Enter", "While", "StatelessWhile"}
"""Operations of a loop, lowered or not."""


_ASSIGNMENTS = {"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"}
"""Operations that change a variable."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A graph with constant weights that maps pixels to answers."""

    graph: Any = field(repr=False)
    """``GraphDef``."""
    input: str
    """Name of the input tensor."""
    output: str
    """Name of the output tensor."""
    shape: tuple[int, ...]
    """Shape of one digit: ``(28, 28)``, ``(28, 28, 1)`` or ``(784,)``."""
    batch: int | None
    """Its batch size; None for any."""
    takes_integers: bool = False
    """Whether it was trained on whole numbers, such as a camera's bytes."""
    input_range: tuple[float, float] | None = None
    """Minimum and maximum of its input in quantization-aware training, if that is its origin."""

    def __call__(self, digits: Any) -> Any:
        """Return the answers as a tensor, inside a ``tf.function`` that is being traced.

        Args:
            digits: a float tensor of shape ``(n, *shape)``.
        """
        tensorflow = import_tensorflow()
        (dtype,) = (
            node.attr["dtype"].type
            for node in self.graph.node
            if node.name == node_name(self.input)
        )
        (output,) = tensorflow.graph_util.import_graph_def(
            self.graph,
            input_map={self.input: tensorflow.cast(digits, dtype)},
            return_elements=[self.output],
            name="",
        )
        return tensorflow.cast(output, tensorflow.float32)

    @cached_property
    def _traced(self) -> Any:
        tensorflow = import_tensorflow()
        spec = tensorflow.TensorSpec((self.batch, *self.shape), tensorflow.float32)
        return tensorflow.function(self.__call__, autograph=False).get_concrete_function(spec)

    def run(self, digits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the answers to some digits.

        Args:
            digits: ``(n, 28, 28)``, scaled as in the network's training.

        Returns:
            ``(n, 10)``.
        """
        constant = import_tensorflow().constant
        size = self.batch or _BATCH_SIZE
        answers = []
        for start in range(0, len(digits), size):
            chunk = digits[start : start + size].reshape(-1, *self.shape)
            # Pad the last batch if the size is fixed.
            missing = self.batch - len(chunk) if self.batch else 0
            padded = np.pad(chunk, ((0, missing), *((0, 0) for _ in self.shape)))
            answers.append(self._traced(constant(padded)).numpy()[: len(chunk)])
        return np.concatenate(answers)


def describe_input_shape(shape: tuple[int | None, ...]) -> str:
    """Say that a network's input, without the batch, is no digit, and what to do."""
    return (
        f"its input shape is {shape}, expected (28, 28), (28, 28, 1) or (784,); if it can read a "
        "gray digit, save it with such an input"
    )


def freeze(concrete: Any, *, name: str) -> Network:
    """Freeze a traced function to a network.

    Args:
        concrete: a ``ConcreteFunction`` from one tensor to one tensor.
        name: name of the model in messages.

    Raises:
        UnsuitableModel: it is not a digit model; the message gives every reason.
    """
    import_tensorflow()
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    _require_constant_variables(concrete, name)
    frozen = convert_variables_to_constants_v2(concrete)
    if len(frozen.inputs) != 1 or len(frozen.outputs) != 1:
        raise UnsuitableModel(
            f"{name} is not a digit model: it has {len(frozen.inputs)} input(s) and "
            f"{len(frozen.outputs)} output(s), expected one of each"
        )
    inputs, outputs = (_sizes(tensor.shape) for tensor in (frozen.inputs[0], frozen.outputs[0]))
    shape = tuple(size for size in inputs[1:] if size is not None)
    problems = []
    if len(shape) != len(inputs[1:]) or math.prod(shape) != math.prod(DIGIT_SHAPE):
        problems.append(describe_input_shape(inputs[1:]))
    if outputs[1:] != (CLASSES,):
        problems.append(f"its output shape is {outputs[1:]}, expected ({CLASSES},), one per digit")
    graph = frozen.graph.as_graph_def()
    if any(node.op in _LOOPS for node in graph.node):
        problems.append(
            "it contains a loop, as LSTM, GRU and other recurrent layers do, which cannot be "
            "quantized; build those layers with unroll=True, or save the model as .keras, which is "
            "unrolled when it is loaded"
        )
    entry = node_name(frozen.inputs[0].name)
    input_range = remove_fake_quantization(graph, entry)
    widen_to_float32(graph)
    takes_integers = take_floats(graph, entry)
    fold_reciprocal_roots(graph)
    split_by_slices(graph)
    if broken := _broken_weights(graph):
        problems.append(
            f"weights are NaN or infinite in {', '.join(broken)}; train it again with a lower "
            "learning rate"
        )
    if problems:
        raise UnsuitableModel(f"{name} is not a digit model: {'; '.join(problems)}")
    return Network(
        graph=graph,
        input=frozen.inputs[0].name,
        output=frozen.outputs[0].name,
        shape=shape,
        batch=inputs[0],
        takes_integers=takes_integers,
        input_range=input_range,
    )


def _require_constant_variables(concrete: Any, name: str) -> None:
    """Check that no variable changes while a digit is read, since a file has constants.

    Raises:
        UnsuitableModel: one does.
    """
    for node in all_nodes(concrete.graph.as_graph_def()):
        if node.op in _ASSIGNMENTS:
            raise UnsuitableModel(
                f"{name} {describe_wrapper(node.name)}"
                if describe_wrapper(node.name)
                else f"{name} changes a variable while it reads a digit ({node.name!r}), as layers "
                "with stateful=True do; build it without, or save it as .keras"
            )


def cut_softmax(network: Network) -> tuple[Network, tuple[str, ...]]:
    """Cut the network after its logits.

    A layer after a softmax that changes nothing is removed with it.

    Returns:
        The network up to its logits, and the names of the removed operators, the last one first.
    """
    nodes = {node.name: node for node in network.graph.node}
    output, end, cut = network.output, network.output, []
    while True:
        node = nodes[node_name(end)]
        if node.op in _SOFTMAXES:
            cut.append(_SOFTMAXES[node.op])
            output = end = _tensor(node.input[0])
        elif node.op in {"Identity", "StopGradient"} or _is_neutral(node, nodes):
            end = _tensor(node.input[0])
        else:
            return replace(network, output=output), tuple(cut)


def free_batch(network: Network, digits: NDArray[np.float32], *, name: str) -> Network:
    """Remove the fixed batch size from a network, unless it is one.

    Args:
        network: any network.
        digits: ``(n, 28, 28)``, to compare the answers on.
        name: name of the model in messages.

    Raises:
        UnsuitableModel: the size cannot be removed without changing the answers.
    """
    if network.batch in {None, 1}:
        return network
    tensorflow = import_tensorflow()
    graph = tensorflow.compat.v1.GraphDef()
    graph.CopyFrom(network.graph)
    constants = {node.name: node for node in graph.node if node.op == "Const"}
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.op == "Placeholder" and node.name == node_name(network.input):
            node.attr["shape"].shape.dim[0].size = -1
        if node.op == "Reshape" and (target := constants.get(node_name(node.input[1]))):
            sizes = tensorflow.make_ndarray(target.attr["value"].tensor)
            if sizes.size and sizes[0] == network.batch and -1 not in sizes:
                # Concatenating copies: numpy returns the tensor's own read-only memory.
                freed = np.concatenate([[-1], sizes[1:]]).astype(sizes.dtype)
                target.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(freed))
    freed_network = replace(network, graph=graph, batch=None)
    sample = digits[: network.batch]
    try:
        equal = np.allclose(
            freed_network.run(sample), network.run(sample), rtol=1e-4, atol=1e-4
        ) and np.allclose(
            freed_network.run(sample[:1]), network.run(sample)[:1], rtol=1e-4, atol=1e-4
        )
    except (ValueError, tensorflow.errors.OpError):
        equal = False
    if not equal:
        raise UnsuitableModel(
            f"{name} works only in batches of {network.batch}; build it again with a free batch "
            "size (no batch_size or batch_shape in its Input) and load its weights"
        )
    return freed_network


def fold_constants(network: Network) -> Network:
    """Evaluate everything in a network that does not depend on the digits.

    A batch normalization after a layer becomes part of the layer's weights and bias.
    """
    tensorflow = import_tensorflow()
    from tensorflow.core.protobuf.config_pb2 import ConfigProto
    from tensorflow.python.grappler import tf_optimizer

    whole = tensorflow.Graph()
    with whole.as_default():
        tensorflow.graph_util.import_graph_def(network.graph, name="")
    meta = tensorflow.compat.v1.train.export_meta_graph(graph_def=network.graph, graph=whole)
    # Grappler keeps what this collection lists, and may remove the rest.
    meta.collection_def["train_op"].node_list.value.append(network.output)
    settings = ConfigProto()
    settings.graph_options.rewrite_options.optimizers.append("constfold")
    settings.graph_options.rewrite_options.min_graph_nodes = -1
    return replace(network, graph=tf_optimizer.OptimizeGraph(settings, meta))


def _broken_weights(graph: Any) -> list[str]:
    """Return the paths of the layers whose constants are not all finite."""
    tensorflow = import_tensorflow()
    broken = [
        # A frozen variable is called LAYER/OPERATION/ReadVariableOp/resource.
        node.name.removesuffix("/ReadVariableOp/resource").rpartition("/")[0] or node.name
        for node in graph.node
        if node.op == "Const"
        and node.attr["dtype"].type == tensorflow.float32.as_datatype_enum
        and not np.isfinite(tensorflow.make_ndarray(node.attr["value"].tensor)).all()
    ]
    return list(dict.fromkeys(broken))


def _is_neutral(node: Any, nodes: dict[str, Any]) -> bool:
    """Return whether a node multiplies by one or adds zero."""
    neutral = {"Mul": 1.0, "AddV2": 0.0, "Add": 0.0, "Sub": 0.0}.get(node.op)
    if neutral is None:
        return False
    other = behind_identities(nodes[node_name(node.input[1])], nodes)
    if other.op != "Const":
        return False
    return bool((import_tensorflow().make_ndarray(other.attr["value"].tensor) == neutral).all())


def _sizes(shape: Any) -> tuple[int | None, ...]:
    return tuple(shape.as_list()) if shape.rank is not None else ()


def _tensor(reference: str) -> str:
    """Return a node's input as the name of a tensor."""
    return reference if ":" in reference else f"{reference}:0"

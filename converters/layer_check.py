"""Reject networks that Keras cannot build from their configuration alone, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnist_edge.errors import UnsuitableModel

_STRIPPED_BY = {
    "PruneLowMagnitude": (
        "pruned by tensorflow_model_optimization",
        "strip it before saving: model = tfmot.sparsity.keras.strip_pruning(model)",
    ),
    "ClusterWeights": (
        "clustered by tensorflow_model_optimization",
        "strip it before saving: model = tfmot.clustering.keras.strip_clustering(model)",
    ),
    **dict.fromkeys(
        ("QuantizeWrapperV2", "QuantizeWrapper", "QuantizeLayer", "QuantizeAnnotate"),
        (
            "quantization-aware, by tensorflow_model_optimization",
            "export it with model.export('FOLDER') and convert that: its fake quantization is "
            "removed, and the file is quantized again",
        ),
    ),
}
"""What each wrapper of TensorFlow's optimization toolkit means, and how to be rid of it."""
_NODES_OF = {"prune_low_magnitude_": "PruneLowMagnitude", "cluster_": "ClusterWeights"}
"""How the nodes of the wrappers are called that change their variables."""


def describe_wrapper(node: str) -> str | None:
    """Say which wrapper a node of a graph belongs to, and how to be rid of it; None if to none.

    Args:
        node: the name of a node that changes a variable.
    """
    wrapper = next((kind for prefix, kind in _NODES_OF.items() if f"/{prefix}" in node), None)
    return None if wrapper is None else _described(wrapper)


def _described(wrapper: str) -> str:
    what, advice = _STRIPPED_BY[wrapper]
    return f"is {what} ({wrapper}); {advice}"


def require_plain_layers(network: Any, path: Path) -> None:
    """Check that a network needs no code but Keras' own, and is not quantized already.

    Args:
        network: its configuration, as Keras stores it.
        path: the file, for messages.

    Raises:
        UnsuitableModel: with every layer that prevents it.
    """
    layers = list(_layers(network))
    for layer in layers:
        if layer["class_name"] in _STRIPPED_BY:
            raise UnsuitableModel(f"{path} {_described(layer['class_name'])}")
    quantized = [_name(layer) for layer in layers if _is_quantized(layer)]
    if quantized:
        raise UnsuitableModel(
            f"{path} was quantized by Keras' model.quantize ({', '.join(map(repr, quantized))}); "
            "save it as it was before, mnist-edge convert quantizes it"
        )
    unknown = [problem for layer in layers for problem in _own_code(layer)]
    if unknown:
        raise UnsuitableModel(
            f"{path}: {'; '.join(unknown)}; rebuild it from Keras' own layers, or export it as a "
            "SavedModel with model.export"
        )


def _own_code(layer: dict[str, Any]) -> Iterator[str]:
    """Yield what in a layer is its author's code: loading a lambda would run it."""
    kind, name = layer["class_name"], _name(layer)
    registered = layer.get("registered_name") or ""
    if kind == "Lambda":
        yield f"layer {name!r} is a Lambda, Python code inside the file"
        return
    if ">" in kind or (kind not in _FUNCTIONS and not _of_keras(layer) and registered):
        yield f"layer {name!r} is the custom layer {registered or kind}"
    for key, value in _config(layer).items():
        if _is_lambda(value):
            yield (
                f"layer {name!r} has a lambda as its {key}, Python code inside the file (give "
                f"Keras' name instead, such as {key}='softmax')"
                if key == "activation"
                else f"layer {name!r} has a lambda as its {key}, Python code inside the file"
            )
        elif (
            isinstance(value, dict)
            and value.get("class_name") == "function"
            and value.get("module") == "builtins"
        ):
            yield f"layer {name!r} has the custom function {value.get('config')} as its {key}"


_FUNCTIONS = {"function", "__lambda__"}
"""Classes by which Keras stores a function."""


def _is_lambda(value: Any) -> bool:
    """Return whether a value is a lambda, as any version of Keras stores one."""
    if value == "<lambda>":
        return True
    if not isinstance(value, dict):
        return False
    # Keras 2 wrote nothing but the marshalled code, its defaults and its closure.
    code = value.get("value")
    old = set(value) == {"value"} and isinstance(code, list) and len(code) == 3
    return old or value.get("class_name") == "__lambda__"


def _is_quantized(layer: dict[str, Any]) -> bool:
    """Return whether a layer's type policy is one of Keras' quantized ones."""
    policy = _config(layer).get("dtype")
    return isinstance(policy, dict) and (
        str(policy.get("class_name")).startswith(("Quantized", "GPTQ", "AWQ", "Int8", "Int4"))
        or "_from_" in str(_config(policy).get("name"))
    )


def _config(layer: dict[str, Any]) -> dict[str, Any]:
    # In Keras before 2.2.3 the configuration of a Sequential is the list of its layers.
    config = layer.get("config")
    return config if isinstance(config, dict) else {}


def _name(layer: dict[str, Any]) -> str:
    return str(_config(layer).get("name", "unnamed"))


def _of_keras(layer: dict[str, Any]) -> bool:
    """Return whether a layer is Keras' own; files before 2.13 do not say."""
    module = layer.get("module", "keras")
    return isinstance(module, str) and module.split(".")[0] in {"keras", "tf_keras", "builtins"}


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the configuration of every layer, including nested models and wrappers."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and "config" in config:
            yield config
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)

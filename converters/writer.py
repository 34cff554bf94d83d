"""Writing a converted model together with its manifest."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.system.files import replacing


def write_model(folder: Path, content: bytes, manifest: ModelManifest) -> Path:
    """Write ``<scheme>.tflite`` and ``<scheme>.json``; both are complete before either is renamed.

    Returns:
        The path of the ``.tflite``.

    Raises:
        NotWritable: the folder cannot be written.
    """
    path = folder / manifest.file
    with replacing(path.with_suffix(".json")) as manifest_file, replacing(path) as model_file:
        model_file.write_bytes(content)
        manifest_file.write_text(manifest.to_json(), encoding="utf-8")
    return path

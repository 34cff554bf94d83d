"""Writing a converted model together with its manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.system.files import replacing


def sha256(content: bytes) -> str:
    """Hexadecimal sha256, as manifests have it."""
    return hashlib.sha256(content).hexdigest()


def save(folder: Path, content: bytes, manifest: ModelManifest) -> Path:
    """Writes ``<scheme>.tflite`` and ``<scheme>.json``; both are whole before either is renamed.

    Returns:
        The path of the ``.tflite``.

    Raises:
        NotWritable: the folder cannot be written.
    """
    path = folder / manifest.file
    with replacing(path.with_suffix(".json")) as described, replacing(path) as model:
        model.write_bytes(content)
        described.write_text(manifest.to_json(), encoding="utf-8")
    return path

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from converters.writer import write_model
from mnist_edge.errors import NotWritable
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import ModelManifest


def test_a_model_is_written_with_its_manifest_and_replaced_by_the_next(
    stored: loading.StoredModel, manifest: ModelManifest, tmp_path: Path
) -> None:
    for seed in (7, 8):
        path = write_model(tmp_path, stored.content, replace(manifest, seed=seed))
        assert path == tmp_path / "int8.tflite"
        assert sorted(each.name for each in tmp_path.iterdir()) == ["int8.json", "int8.tflite"]
        written = loading.load_model(tmp_path)
        assert written.content == stored.content
        assert written.manifest == replace(manifest, seed=seed)


def test_a_folder_that_cannot_be_written_gets_neither_file(
    stored: loading.StoredModel, manifest: ModelManifest, tmp_path: Path
) -> None:
    (tmp_path / "int8.tflite").mkdir()
    (tmp_path / "int8.tflite" / "in the way").touch()
    with pytest.raises(NotWritable, match=r"int8\.tflite"):
        write_model(tmp_path, stored.content, manifest)
    assert not (tmp_path / "int8.json").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["int8.tflite"]

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_edge.commands.predict_pictures import predict_pictures
from mnist_edge.commands.prediction_output import Format
from mnist_edge.errors import InvalidValue, ModelNotFound
from tests.support.paths import SAMPLE


def test_what_could_not_be_read_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    failed = predict_pictures(
        [str(SAMPLE), str(broken), "nowhere.png"], model="nano", output=Format.jsonl
    )
    assert failed == 2
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document.get("digit") for document in documents] == [7, None, None]


def test_standard_output_has_the_result_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert predict_pictures([str(SAMPLE)], model="nano") == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{SAMPLE}: 7 (")
    assert (out.count("\n"), err) == (1, "")


def test_a_failure_is_raised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidValue, match="no picture is named"):
        predict_pictures([])
    with pytest.raises(InvalidValue, match="cannot be combined"):
        predict_pictures([str(SAMPLE)], show=True, read_all=True)
    with pytest.raises(ModelNotFound):
        predict_pictures([str(SAMPLE)], model="nowhere")
    assert capsys.readouterr() == ("", "")

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.publishers.credentials import read_credential


def test_a_file_is_taken_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_credential(None, key="token_file", variable="A_TOKEN") is None
    monkeypatch.setenv("A_TOKEN", "of the environment")
    assert read_credential(None, key="token_file", variable="A_TOKEN") == "of the environment"
    file = tmp_path / "token"
    file.write_text("of the file\n\n")
    assert read_credential(file, key="token_file", variable="A_TOKEN") == "of the file"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\n"])
def test_a_file_without_a_credential_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidValue, match="token_file: "):
        read_credential(file, key="token_file", variable="A_TOKEN")

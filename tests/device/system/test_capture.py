from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mnist_edge.system.capture import capture_descriptors


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    return os.open(tmp_path / "stream", os.O_CREAT | os.O_RDWR)


def test_only_output_within_the_context_is_captured(descriptor: int, tmp_path: Path) -> None:
    os.write(descriptor, b"before ")
    with capture_descriptors(descriptor) as captured:
        os.write(descriptor, b"between")
        assert captured() == "between"
    os.write(descriptor, b"after")
    assert (tmp_path / "stream").read_bytes() == b"before after"


def test_concurrent_captures_restore_the_stream(descriptor: int, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def write(name: str) -> None:
        together.wait()
        for _ in range(50):
            with capture_descriptors(descriptor) as captured:
                os.write(descriptor, name.encode())
                assert captured() == name

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    os.write(descriptor, b"after")
    assert (tmp_path / "stream").read_bytes() == b"after"

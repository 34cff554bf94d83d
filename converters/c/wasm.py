"""Compile a model in C to WebAssembly."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from converters.c.source import CSource
from mnist_edge.errors import ConversionError, MissingDependency
from mnist_edge.system.text import one_line

_EXPORTS = (
    *("picture_buffer", "picture_size", "logits_buffer", "read_picture", "found_digit"),
    *("found_confidence", "normalize_picture", "run_pixels"),
)
"""The functions that JavaScript calls."""
_SECONDS = 120


def compile_wasm(source: CSource, texts: dict[str, str]) -> dict[str, bytes]:
    """Compile the sources of a library with clang, which needs no library of C for it.

    Args:
        source: the model.
        texts: the library's texts by their places; those in ``src`` are compiled.

    Returns:
        The compiled file by its name.

    Raises:
        MissingDependency: clang or its linker for WebAssembly is not installed.
        ConversionError: clang does not compile it.
    """
    missing = [name for name in ("clang", "wasm-ld") if shutil.which(name) is None]
    if missing:
        raise MissingDependency(
            f"no {' and no '.join(missing)}, which compile WebAssembly; install them, with Debian: "
            "sudo apt-get install clang lld"
        )
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        folder, names = Path(temporary), []
        for place, text in texts.items():
            if place.startswith("src/"):
                (folder / Path(place).name).write_text(text, encoding="ascii")
                names += [Path(place).name] if place.endswith(".c") else []
        words = ["clang", "--target=wasm32", "-Os", "-std=c99", "-ffreestanding", "-nostdlib"]
        words += ["-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=16384"]
        words += [f"-Wl,--export={name}" for name in _EXPORTS]
        done = subprocess.run(
            [*words, *names, "-o", "model.wasm"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode:
            raise ConversionError(
                f"clang does not compile the model: {one_line(done.stderr)[:400]}"
            )
        return {f"{source.prefix}.wasm": (folder / "model.wasm").read_bytes()}

"""WebAssembly gives the golden integers in node and in a browser."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters.c.libraries import LIBRARIES, library_files, write_library
from converters.c.source import generate
from converters.c.wasm import compile_wasm
from mnist_edge.errors import ConversionError, MissingDependency
from mnist_edge.modelstore.loading import load_model
from mnist_edge.runtimes.golden import decode_golden
from tests.support.c_programs import require_tool
from tests.support.pages import CHROMIUM
from tests.support.paths import NANO
from tests.support.waiting import SECONDS

MAX_BYTES = 40_000
NODE = shutil.which("node") or "node"

CHECK = """
const digit = new Uint8Array(64 * 64);
for (let row = 16; row < 48; ++row) digit.fill(255, 64 * row + 30, 64 * row + 35);
const thrown = [];
for (const wrong of [[digit, 64, 63], [new Uint8Array(0), 0, 0]]) {
  try { reader.read(...wrong); } catch (error) { thrown.push(error.name); }
}
const result = {
  logits: inputs.map((pixels) => reader.run(Uint8Array.from(pixels))),
  one: reader.read(digit, 64, 64),
  blank: reader.read(new Uint8Array(100), 10, 10),
  ink: reader.normalize(digit, 64, 64).reduce((sum, pixel) => sum + pixel, 0),
  thrown,
};
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("clang")
    require_tool("wasm-ld")
    stored = load_model(NANO)
    assert stored.manifest is not None
    source = generate(stored.content, stored.manifest)
    folder = tmp_path_factory.mktemp("wasm") / "library"
    write_library(folder, library_files(LIBRARIES["wasm"], source, folder="library"))
    return folder


@pytest.fixture(scope="module")
def golden() -> tuple[list[list[int]], list[list[int]]]:
    manifest = load_model(NANO).manifest
    assert manifest is not None
    assert manifest.golden is not None
    inputs, outputs = decode_golden(manifest.golden, manifest.output, name="nano")
    return inputs.reshape(-1, 784).tolist(), outputs.tolist()


def require_right(result: dict[str, Any], expected: list[list[int]]) -> None:
    assert np.array_equal(result["logits"], expected)
    assert result["one"]["digit"] == 1
    assert result["one"]["abstained"] is None
    assert result["one"]["confidence"] > 0.9
    assert result["blank"] == {"digit": None, "confidence": 0, "abstained": "blank"}
    assert result["ink"] > 5_000
    assert result["thrown"] == ["RangeError", "RangeError"]


def test_the_file_is_small_and_needs_nothing_but_itself(library: Path) -> None:
    content = (library / "nano.wasm").read_bytes()
    assert content[:4] == b"\0asm"
    assert len(content) <= MAX_BYTES
    assert (library / "example.html").is_file()


def test_node_gives_the_golden_integers(
    library: Path, golden: tuple[list[list[int]], list[list[int]]], tmp_path: Path
) -> None:
    require_tool("node")
    program = f"""
import {{ readFileSync }} from "node:fs";
import {{ openReader }} from "{(library / "nano.js").as_uri()}";
const inputs = {json.dumps(golden[0])};
const reader = await openReader(readFileSync("{library / "nano.wasm"}"));
{CHECK}
console.log(JSON.stringify(result));
"""
    # The extension says that nano.js is a module, where node does not find it out by itself.
    (library / "package.json").write_text('{"type": "module"}', encoding="ascii")
    (tmp_path / "check.mjs").write_text(program, encoding="ascii")
    done = subprocess.run(
        [NODE, tmp_path / "check.mjs"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    require_right(json.loads(done.stdout), golden[1])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_a_browser_gives_the_golden_integers(
    library: Path, golden: tuple[list[list[int]], list[list[int]]], tmp_path: Path
) -> None:
    if not CHROMIUM:
        pytest.skip("this machine has no Chromium")
    page = f"""<!DOCTYPE html>
<pre id="result"></pre>
<script type="module">
import {{ openReader }} from "./nano.js";
const inputs = {json.dumps(golden[0])};
const reader = await openReader(await (await fetch("nano.wasm")).arrayBuffer());
{CHECK}
document.getElementById("result").textContent = JSON.stringify(result);
</script>
"""
    (library / "check.html").write_text(page, encoding="ascii")
    with served(library) as address:
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
             f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000",
             "--dump-dom", f"{address}/check.html"],
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = done.stdout.partition('<pre id="result">')[2].partition("</pre>")[0]
    require_right(json.loads(text), golden[1])


def test_a_missing_compiler_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = load_model(NANO)
    assert stored.manifest is not None
    source = generate(stored.content, stored.manifest)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt-get install clang lld") as refused:
        compile_wasm(source, {})
    assert "\n" not in str(refused.value)


def test_a_failed_compilation_is_an_error_of_one_line() -> None:
    require_tool("clang")
    require_tool("wasm-ld")
    stored = load_model(NANO)
    assert stored.manifest is not None
    source = generate(stored.content, stored.manifest)
    with pytest.raises(ConversionError, match="clang does not compile") as refused:
        compile_wasm(source, {"src/a.c": "int f( {\n"})
    assert "\n" not in str(refused.value)

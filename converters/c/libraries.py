"""Pack a model in C as a library of a platform: ready to build, with an example."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from converters.c.source import CSource
from converters.c.template import fill, rename
from converters.c.wasm import compile_wasm
from mnist_edge import __version__
from mnist_edge.errors import InvalidValue
from mnist_edge.system.files import not_writable


@dataclass(frozen=True, kw_only=True)
class Library:
    """The layout of a platform's library."""

    name: str
    """Its name for ``--target``, and the folder of its templates."""
    title: str
    sources: str
    """Folder of the C sources, within the library."""
    headers: str
    """Folder of the header."""
    self_test: str | None
    """Folder of the golden vectors; None to leave them out."""
    templates: dict[str, str]
    """Place of each template within the library, by its name."""
    compile: Callable[[CSource, dict[str, str]], dict[str, bytes]] | None = None
    """Returns more files, compiled from the texts of the library; None if there are none."""


LIBRARIES = {
    library.name: library
    for library in (
        Library(
            name="arduino",
            title="Arduino library",
            sources="src",
            headers="src",
            self_test="src",
            templates={
                "library.properties": "library.properties",
                "keywords.txt": "keywords.txt",
                "ReadDigit.ino": "examples/ReadDigit/ReadDigit.ino",
                "README.md": "README.md",
            },
        ),
        Library(
            name="cmake",
            title="CMake package",
            sources="src",
            headers="include",
            self_test="test",
            templates={
                "CMakeLists.txt": "CMakeLists.txt",
                "main.c": "example/main.c",
                "self_test.c": "test/main.c",
                "README.md": "README.md",
            },
        ),
        Library(
            name="zephyr",
            title="Zephyr module",
            sources="src",
            headers="include",
            self_test="src",
            templates={
                "CMakeLists.txt": "CMakeLists.txt",
                "Kconfig": "Kconfig",
                "zephyr/module.yml": "zephyr/module.yml",
                "sample_CMakeLists.txt": "samples/read_digit/CMakeLists.txt",
                "prj.conf": "samples/read_digit/prj.conf",
                "main.c": "samples/read_digit/src/main.c",
                "README.md": "README.md",
            },
        ),
        Library(
            name="esp-idf",
            title="ESP-IDF component",
            sources="src",
            headers="include",
            self_test="src",
            templates={
                "CMakeLists.txt": "CMakeLists.txt",
                "idf_component.yml": "idf_component.yml",
                "example_CMakeLists.txt": "examples/read_digit/CMakeLists.txt",
                "main_CMakeLists.txt": "examples/read_digit/main/CMakeLists.txt",
                "main.c": "examples/read_digit/main/main.c",
                "README.md": "README.md",
            },
        ),
        Library(
            name="micropython",
            title="MicroPython native module",
            sources=".",
            headers=".",
            self_test=None,
            templates={
                "digit_module.c": "digit_module.c",
                "Makefile": "Makefile",
                "example.py.in": "example.py",
                "README.md": "README.md",
            },
        ),
        Library(
            name="wasm",
            title="WebAssembly",
            sources="src",
            headers="src",
            self_test=None,
            templates={
                "digit_wasm.c": "src/digit_wasm.c",
                "digit.js": "digit.js",
                "example.html": "example.html",
                "README.md": "README.md",
            },
            compile=compile_wasm,
        ),
    )
}
"""The platforms, by name."""


def library_files(library: Library, source: CSource, *, folder: str) -> dict[str, bytes]:
    """Return the files of a library by their places in it.

    Args:
        library: one of ``LIBRARIES``.
        source: the model.
        folder: name of the library's folder, for its instructions.

    Raises:
        MissingDependency: a compiler that the library needs is not installed.
        ConversionError: it does not compile the model.
    """
    prefix = source.prefix
    values = {
        **source.values,
        "version": __version__,
        "folder": folder,
        "array": "Uint8Array" if source.values["logit"] == "uint8_t" else "Int8Array",
    }
    texts = {
        rename(place, prefix): fill(f"libraries/{library.name}/{name}", prefix, values)
        for name, place in library.templates.items()
    }
    for name, text in source.files.items():
        place = library.headers if name.endswith(".h") else library.sources
        if name == f"{prefix}_self_test.c":
            if library.self_test is None:
                continue
            place = library.self_test
        texts[(Path(place) / name).as_posix()] = text
    files = {name: text.encode("ascii") for name, text in texts.items()}
    return files if library.compile is None else {**files, **library.compile(source, texts)}


def write_library(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a library to a new or an empty folder, all of them or none.

    Raises:
        NotWritable: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            written = Path(temporary) / folder.name
            for name, content in files.items():
                path = written / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            # Replaces an empty folder, and nothing else.
            written.replace(folder)
    except OSError as error:
        raise not_writable(folder, error) from error


def require_empty(folder: Path) -> None:
    """Check that a library may be written to a folder.

    Raises:
        InvalidValue: it is a file, or holds something.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise InvalidValue(f"{folder} is not an empty folder; choose another with --out")

"""Libraries of platforms: built where their tools are here; else their layout is tested."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from converters.c.libraries import (
    LIBRARIES,
    library_files,
    require_empty,
    write_library,
)
from converters.c.source import CSource, generate
from mnist_edge import __version__
from mnist_edge.errors import InvalidValue, NotWritable
from mnist_edge.modelstore.loading import load_model
from tests.support.c_programs import compile_c, require_tool
from tests.support.paths import NANO

FILES = {
    "arduino": [
        *("README.md", "examples/ReadDigit/ReadDigit.ino", "keywords.txt", "library.properties"),
        *("src/nano.c", "src/nano.h", "src/nano_read.c", "src/nano_self_test.c"),
    ],
    "cmake": [
        *("CMakeLists.txt", "README.md", "example/main.c", "include/nano.h", "src/nano.c"),
        *("src/nano_read.c", "test/main.c", "test/nano_self_test.c"),
    ],
    "zephyr": [
        *("CMakeLists.txt", "Kconfig", "README.md", "include/nano.h"),
        *(f"samples/read_digit/{name}" for name in ("CMakeLists.txt", "prj.conf", "src/main.c")),
        *("src/nano.c", "src/nano_read.c", "src/nano_self_test.c", "zephyr/module.yml"),
    ],
    "esp-idf": [
        *("CMakeLists.txt", "README.md", "examples/read_digit/CMakeLists.txt"),
        *("examples/read_digit/main/CMakeLists.txt", "examples/read_digit/main/main.c"),
        *("idf_component.yml", "include/nano.h"),
        *("src/nano.c", "src/nano_read.c", "src/nano_self_test.c"),
    ],
    "micropython": [
        *("Makefile", "README.md", "example.py", "nano.c", "nano.h", "nano_module.c"),
        "nano_read.c",
    ],
}


@pytest.fixture(scope="module")
def nano_source() -> CSource:
    stored = load_model(NANO)
    assert stored.manifest is not None
    return generate(stored.content, stored.manifest)


def pack(name: str, source: CSource, folder: Path) -> Path:
    target = folder / "library"
    write_library(target, library_files(LIBRARIES[name], source, folder="library"))
    return target


@pytest.mark.parametrize("name", FILES)
def test_a_library_has_the_layout_of_its_platform(
    name: str, nano_source: CSource, tmp_path: Path
) -> None:
    library = pack(name, nano_source, tmp_path)
    found = [path.relative_to(library).as_posix() for path in library.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(FILES[name])
    assert [path.name for path in tmp_path.iterdir()] == ["library"]
    for path in found:
        text = (library / path).read_text(encoding="ascii")
        assert not re.search(r"@\w+@|\bdigit_read\(|DIGIT_", text), path
    # Every local file that a text includes or lists is there.
    sources = {Path(path).name for path in found}
    for path in found:
        text = (library / path).read_text(encoding="ascii")
        included = re.findall(r'#include [<"](nano[\w.]*)[>"]', text)
        listed = re.findall(r"\bnano\w*\.c\b", text) if path.endswith(("txt", "Makefile")) else []
        assert {*included, *listed} <= sources, path


def test_the_arduino_library_says_what_arduino_cli_asks_for(
    nano_source: CSource, tmp_path: Path
) -> None:
    library = pack("arduino", nano_source, tmp_path)
    lines = (library / "library.properties").read_text(encoding="ascii").splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert properties["name"] == "nano_reader"
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert __version__.startswith(properties["version"])
    assert {"author", "maintainer", "sentence", "paragraph", "category"} <= properties.keys()
    assert properties["architectures"] == "*"
    assert (library / "src" / properties["includes"]).is_file()
    for line in (library / "keywords.txt").read_text(encoding="ascii").splitlines():
        assert re.fullmatch(r"nano_\w+\tKEYWORD[12]", line)


ARDUINO = """
#include <stdio.h>
#define HIGH 1
#define LOW 0
#define LED_BUILTIN 13
#define OUTPUT 1
static int led = -1;
static inline void pinMode(int, int) {}
static inline void digitalWrite(int, int value) { led = value; }
static inline void delay(int) {}
struct Port {
  void begin(long) {}
  void print(const char *text) { printf("%s", text); }
  void println(int number) { printf("%d\\n", number); }
};
static Port Serial;
"""


def test_the_arduino_sketch_reads_its_drawing(nano_source: CSource, tmp_path: Path) -> None:
    require_tool("c++")
    library = pack("arduino", nano_source, tmp_path)
    sketch = (library / "examples" / "ReadDigit" / "ReadDigit.ino").read_text(encoding="ascii")
    main = "int main() { setup(); loop(); return led != 1; }"
    (tmp_path / "main.cpp").write_text(f"{ARDUINO}\n{sketch}\n{main}\n", encoding="ascii")
    sources = sorted(map(str, (library / "src").glob("*.c")))
    compile_c(tmp_path, "cc", "-std=c99", "-c", *sources)
    objects = [f"{Path(name).stem}.o" for name in sources]
    words = ["c++", "-std=c++11", "-Wall", "-Werror", f"-I{library / 'src'}", "main.cpp"]
    subprocess.run([*words, *objects, "-o", "sketch"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "sketch"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "wrong logits: 0\n1\n")


CONSUMER = """
cmake_minimum_required(VERSION 3.13)
project(consumer C)
find_package(nano_reader REQUIRED)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE nano_reader::nano_reader)
"""


@pytest.mark.slow
def test_the_cmake_package_is_built_tested_installed_and_found(
    nano_source: CSource, tmp_path: Path
) -> None:
    require_tool("cmake")
    library, build = pack("cmake", nano_source, tmp_path), tmp_path / "build"

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("cmake", "-S", library, "-B", build)
    run("cmake", "--build", build)
    assert "100% tests passed" in run("ctest", "--test-dir", build)
    assert run(build / "nano_test") == "0 wrong logits\n"
    assert run(build / "nano_example").startswith("7, with a confidence of ")
    run("cmake", "--install", build, "--prefix", tmp_path / "installed")
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    (consumer / "CMakeLists.txt").write_text(CONSUMER, encoding="ascii")
    shutil.copy(library / "example" / "main.c", consumer)
    found = f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}"
    run("cmake", "-S", consumer, "-B", consumer / "build", found)
    run("cmake", "--build", consumer / "build")
    assert run(consumer / "build" / "consumer").startswith("7, ")


@pytest.mark.parametrize("name", ["zephyr", "esp-idf"])
def test_examples_compile_where_their_platform_is_imitated(
    name: str, nano_source: CSource, tmp_path: Path
) -> None:
    require_tool("cc")
    library = pack(name, nano_source, tmp_path)
    main = next(library.rglob("main.c"))
    (tmp_path / "zephyr").mkdir()
    (tmp_path / "zephyr" / "kernel.h").write_text(
        "#include <stdio.h>\n#define printk printf\n", encoding="ascii"
    )
    text = main.read_text(encoding="ascii")
    if "app_main" in text:
        text += "\nvoid app_main(void);\nint main(void) { app_main(); return 0; }\n"
    (tmp_path / "main.c").write_text(text, encoding="ascii")
    sources = sorted(map(str, (library / "src").glob("*.c")))
    words = ["cc", "-std=c99", "-Wall", "-Werror", f"-I{library / 'include'}", "-I.", "main.c"]
    subprocess.run([*words, *sources, "-o", "program"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=False)
    assert done.stdout == "0 wrong logits\n"


DYNRUNTIME = """
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
typedef intptr_t mp_int_t;
typedef void *mp_obj_t;
typedef struct { void *buf; size_t len; } mp_buffer_info_t;
typedef struct { int unused; } mp_obj_fun_bc_t;
enum { MP_BUFFER_READ = 1 };
static unsigned char ink[32 * 32];
#define mp_obj_get_int(object) ((mp_int_t)(object))
#define mp_obj_new_int(value) ((mp_obj_t)(mp_int_t)(value))
#define mp_get_buffer_raise(object, info, mode) ((info)->buf = ink, (info)->len = sizeof ink)
#define mp_raise_ValueError(text) exit(puts(text) < 0)
#define MP_ERROR_TEXT(text) text
#define m_new(type, count) ((type *)malloc(sizeof(type) * (count)))
#define m_del(type, pointer, count) free(pointer)
static mp_obj_t mp_obj_new_tuple(size_t count, mp_obj_t *items)
{
    (void)count;
    printf("%d %d\\n", (int)(mp_int_t)items[0], (int)(mp_int_t)items[1]);
    return NULL;
}
typedef mp_obj_t function_of_3(mp_obj_t, mp_obj_t, mp_obj_t);
#define MP_DEFINE_CONST_FUN_OBJ_3(name, function) function_of_3 *name = function
#define MP_DYNRUNTIME_INIT_ENTRY
#define MP_DYNRUNTIME_INIT_EXIT return NULL;
#define MP_QSTR_read "read"
#define MP_OBJ_FROM_PTR(pointer) (pointer)
#define mp_store_global(name, object) (void)(object)
"""


def test_the_native_module_compiles_where_micropython_is_imitated(
    nano_source: CSource, tmp_path: Path
) -> None:
    library = pack("micropython", nano_source, tmp_path)
    (library / "py").mkdir()
    (library / "py" / "dynruntime.h").write_text(DYNRUNTIME, encoding="ascii")
    main = """
#include "nano_module.c"
int main(void)
{
    int row;
    for (row = 6; row < 26; ++row) {
        ink[row * 32 + 14] = ink[row * 32 + 15] = ink[row * 32 + 16] = 255;
    }
    mpy_init(NULL, 0, 0, NULL);
    read_obj(NULL, (mp_obj_t)32, (mp_obj_t)32);
    read_obj(NULL, (mp_obj_t)33, (mp_obj_t)32);
    return 1;
}
"""
    (library / "main.c").write_text(main, encoding="ascii")
    words = ["-I.", "main.c", "nano.c", "nano_read.c", "-o", "program"]
    require_tool("cc")
    subprocess.run(["cc", *words], cwd=library, check=True)  # noqa: S607
    done = subprocess.run([library / "program"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0 1\nexpected width * height bytes\n")


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    for name in ("full", "file", "nowhere"):
        with pytest.raises(InvalidValue, match="not an empty folder"):
            require_empty(tmp_path / name)
    (tmp_path / "empty").mkdir()
    require_empty(tmp_path / "empty")
    require_empty(tmp_path / "new")
    with pytest.raises(NotWritable):
        write_library(tmp_path / "full", {"other.txt": b""})
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "nowhere"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_library(tmp_path / "empty", {"a/b.txt": b"text"})
    assert (tmp_path / "empty" / "a" / "b.txt").read_bytes() == b"text"


def test_the_manifests_of_zephyr_and_esp_idf_name_what_is_there(
    nano_source: CSource, tmp_path: Path
) -> None:
    library = pack("zephyr", nano_source, tmp_path)
    module = (library / "zephyr" / "module.yml").read_text(encoding="ascii")
    assert json.dumps(module) == json.dumps(
        "name: nano_reader\nbuild:\n  cmake: .\n  kconfig: Kconfig\n"
    )
    config = (library / "samples" / "read_digit" / "prj.conf").read_text(encoding="ascii")
    options = re.findall(r"^CONFIG_(NANO_\w+)=y", config, re.MULTILINE)
    kconfig = (library / "Kconfig").read_text(encoding="ascii")
    declared = re.findall(r"^config (\w+)", kconfig, re.MULTILINE)
    assert options == declared == ["NANO_READER", "NANO_READER_SELF_TEST"]

"""Archives of models for ``model install``, damaged in their headers, sizes and contents."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from mnist_edge.deployment.artifact import MAX_BYTES, read_artifact
from mnist_edge.errors import MnistEdgeError
from tests.fuzz.fields import tar_numbers, zip_numbers
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error
from tests.support.archives import (
    ENDLESS,
    pack_blocks,
    pack_tar,
    pack_zip,
    pax_header,
    tar_header,
    with_tar_checksum,
)
from tests.support.paths import NANO

_BLOCK = 512


@cache
def _parts() -> dict[str, bytes]:
    names = ("int8.tflite", "int8.json")
    return {**{name: (NANO / name).read_bytes() for name in names}, "int8.json.sig": b"s" * 64}


@cache
def _tars() -> list[bytes]:
    """Sound tars, not compressed: with folders, long names and attributes."""
    parts = _parts()
    deep = {f"{'release/' * 20}{name}": content for name, content in parts.items()}
    plain = gzip.decompress(pack_tar(parts))
    return [plain, gzip.decompress(pack_tar(deep)), pax_header("comment", "x" * 60) + plain]


@cache
def _zips() -> list[bytes]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [pack_zip(_parts(), method) for method in methods]


def _draw(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.4:
        content = random.choice(_tars())
        damaged = mutate(random, content, numbers=tar_numbers(content), donors=_tars())
        # Level 0: compression takes longer than the archive.
        return _gzip(_with_checksums(damaged) if random.random() < 0.8 else damaged)
    if kind < 0.5:
        return mutate(random, _gzip(random.choice(_tars())), donors=_zips())
    content = random.choice(_zips())
    return mutate(random, content, numbers=zip_numbers(content), donors=_zips())


def _gzip(plain: bytes) -> bytes:
    stream = zlib.compressobj(level=0, wbits=31)
    return stream.compress(plain) + stream.flush()


def _with_checksums(content: bytes) -> bytes:
    """Put right the checksums of whatever blocks have one of a header's form."""
    blocks = [content[start : start + _BLOCK] for start in range(0, len(content), _BLOCK)]
    return b"".join(
        with_tar_checksum(block) if block[148:156].endswith(b"\0 ") else block for block in blocks
    )


def _check(content: bytes, folder: Path) -> str:
    path = folder / "update"
    path.write_bytes(content)
    try:
        artifact = read_artifact(str(path))
        assert len(artifact.content) + len(artifact.manifest) <= MAX_BYTES
        artifact.to_stored_model()
    except MnistEdgeError as error:
        outcome = own_error(error)
    else:
        assert artifact.content == _parts()["int8.tflite"], "a changed model was taken"
        outcome = "read"
    assert [entry.name for entry in folder.iterdir()] == ["update"], "files were unpacked"
    return outcome


def _refused(content: Callable[[], bytes]) -> KnownCase:
    return KnownCase(content=content, expected=("InvalidArtifact",))


def _endless(blocks: bytes) -> KnownCase:
    return _refused(lambda: pack_blocks(blocks + _tars()[0]))


def _both(name: str, content: bytes) -> dict[str, KnownCase]:
    """A file beside a sound model, in a tar and in a zip."""
    files = {**_parts(), name: content}
    return {
        f"{name[:20]!r} in a {kind}": _refused(lambda pack=pack: pack(files))  # type: ignore[misc]  # bound now
        for kind, pack in (("tar", pack_tar), ("zip", pack_zip))
    }


def _many_names() -> bytes:
    """A zip of a directory as long as an artifact may be, and nothing else."""
    name = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    count = 300_000
    start, directory = b"PK\3\4" + bytes(26), (name + b"a") * count
    most = count % (1 << 16)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, most, most, len(directory), len(start), 0)
    return start + directory + end


def _encrypted() -> bytes:
    content = bytearray(pack_zip(_parts()))
    for start, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(start)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(start, place + 1)
    return bytes(content)


TARGET = Target(
    name="archives",
    draw=_draw,
    check=_check,
    count=1200,
    known={
        "sound tar": KnownCase(content=lambda: pack_tar(_parts()), expected=("read",)),
        "sound zip": KnownCase(content=lambda: pack_zip(_parts()), expected=("read",)),
        **{name: _endless(blocks) for name, blocks in ENDLESS.items()},
        **_both("../../x", b"1"),
        **_both("/etc/x", b"1"),
        **_both("C:x", b"1"),
        **_both("..\\x", b"1"),
        **_both("other.tflite", b"xxxxTFL3"),
        **_both("zeros", bytes(MAX_BYTES)),
        **{
            f"a link of type {kind!r}": _refused(
                lambda kind=kind: pack_blocks(tar_header("a", 0, kind) + _tars()[0])  # type: ignore[misc]  # bound now
            )
            for kind in (b"1", b"2", b"3", b"4", b"6", b"S")
        },
        "a name of a thousand characters": _refused(
            lambda: pack_zip({**_parts(), "../" + "x\n" * 500: b""})
        ),
        "a model without a manifest, of a name of lines": _refused(
            lambda: pack_zip({"a\n" * 500 + ".tflite": _parts()["int8.tflite"]})
        ),
        "encrypted zip": _refused(_encrypted),
        "twice its memory of zeros": _refused(lambda: gzip.compress(bytes(400_000_000), 1)),
        "many gzip members": _refused(lambda: gzip.compress(b"") * 10_000 + pack_tar(_parts())),
        "empty": _refused(lambda: gzip.compress(b"")),
        "truncated": _refused(lambda: pack_tar(_parts())[:9000]),
        "wrong checksum": _refused(lambda: pack_tar(_parts())[:-8] + bytes(8)),
        "many names": _refused(_many_names),
    },
    megabytes=150,
)

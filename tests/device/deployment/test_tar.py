"""The reader of untrusted tars, compared with tarfile."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.deployment.tar import read_tar
from mnist_edge.errors import InvalidArtifact


@given(
    files=st.dictionaries(
        st.text(st.sampled_from("ab日/."), min_size=1, max_size=150).filter(
            lambda name: not name.endswith("/")
        ),
        st.binary(max_size=1100),
        max_size=4,
    ),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_files_are_read_as_they_were_packed(files: dict[str, bytes], form: int) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    members = list(read_tar(packed.getvalue(), "a.tar"))
    assert {member.name: member.content for member in members} == files
    assert all(member.is_file for member in members)


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE])
def test_members_that_are_not_files_have_their_kind(kind: bytes) -> None:
    member = tarfile.TarInfo("x.tflite")
    member.type = kind
    (found,) = read_tar(member.tobuf(tarfile.GNU_FORMAT), "a.tar")
    assert (found.is_file, found.is_folder) == (False, kind == tarfile.DIRTYPE)


@given(content=st.binary(max_size=2000), start=st.integers(0, 511), damage=st.binary(max_size=9))
def test_any_bytes_are_read_or_refused(content: bytes, start: int, damage: bytes) -> None:
    member = tarfile.TarInfo("a")
    member.size = len(content)
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[start : start + len(damage)] = damage
    for plain in (content, bytes(header) + content):
        try:
            list(read_tar(plain, "a.tar"))
        except InvalidArtifact as refused:
            assert "\n" not in str(refused)  # noqa: PT017  # most bytes are refused, not all

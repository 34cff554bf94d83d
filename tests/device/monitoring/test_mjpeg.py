import io
import itertools
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_edge.monitoring.mjpeg import FrameSplitter


@cache
def jpeg(seed: int = 0, *, progressive: bool = False, thumbnail: bool = False) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    stream = io.BytesIO()
    # A whole picture within a segment of another one, as cameras put thumbnails.
    exif = b"Exif\0\0" + (jpeg(seed + 100) if thumbnail else b"")
    Image.fromarray(pixels).save(stream, "JPEG", progressive=progressive, exif=exif)
    return stream.getvalue()


PICTURES = [jpeg(0), jpeg(1, progressive=True), jpeg(2, thumbnail=True), jpeg(3)]


def split(stream: bytes, cuts: list[int] | None = None) -> list[bytes]:
    splitter = FrameSplitter()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    return [
        frame
        for first, last in itertools.pairwise(edges)
        for frame in splitter.feed(stream[first:last])
    ]


def test_pictures_come_out_unchanged() -> None:
    assert split(b"".join(PICTURES)) == PICTURES


@given(st.lists(st.integers(0, 20_000), max_size=12))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    assert split(b"".join(PICTURES), cuts) == PICTURES


@given(st.binary(max_size=300).filter(lambda garbage: b"\xff" not in garbage))
def test_bytes_between_pictures_are_skipped(garbage: bytes) -> None:
    stream = garbage.join([b"", *PICTURES, b""])
    assert split(stream) == PICTURES


@given(st.integers(0, len(PICTURES[0]) - 1), st.lists(st.integers(0, 9000), max_size=4))
def test_after_a_picture_that_is_cut_off_the_others_are_found(end: int, cuts: list[int]) -> None:
    # Its last segment may claim some of the bytes of the one that follows.
    stream = PICTURES[0][:end] + b"".join(PICTURES)
    assert split(stream, cuts)[-2:] == PICTURES[-2:]


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b"\xff", b"\xd8", b"\xd9", b"\xda", b"\x00", b"\x02"])))
def test_markers_in_any_order_end_and_hold_no_more_bytes_than_arrived(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    frames = split(stream)
    assert sum(map(len, frames)) <= len(stream)
    assert all(frame.startswith(b"\xff\xd8") and frame.endswith(b"\xff\xd9") for frame in frames)


def test_a_picture_without_an_end_is_dropped() -> None:
    splitter = FrameSplitter(max_bytes=10_000)
    endless = jpeg(0)[:-2]
    for _ in range(100):
        assert splitter.feed(endless[-500:] if _ else endless) == []
    assert [splitter.feed(one) for one in (jpeg(1), jpeg(2))][-1] == [jpeg(2)]

"""Split a stream of JPEG pictures, as rpicam-vid and ffmpeg write them one after another.

A picture's end is found by walking its segments (ITU T.81, annex B): the bytes of an end marker may
stand within a segment, for example in a thumbnail.
"""

from __future__ import annotations

_START, _END = b"\xff\xd8\xff", 0xD9
_SCAN = 0xDA
"""The marker of a scan, which entropy-coded data without a length follow."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""


class FrameSplitter:
    """Finds the pictures in a stream, and skips the bytes between them.

    Args:
        max_bytes: of one picture; a longer one is taken for garbage.
    """

    def __init__(self, max_bytes: int = 16_000_000) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._at = 0
        """Where the walk over the first picture of the buffer goes on; 0 before one is found."""
        self._in_scan = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the pictures that are complete with them."""
        self._buffer += chunk
        frames = []
        while (end := self._find_end()) is not None:
            if end:
                frames.append(bytes(self._buffer[:end]))
            # Where no picture begins, one byte is skipped: a picture may begin at the next.
            del self._buffer[: end or 1]
            self._at, self._in_scan = 0, False
        if len(self._buffer) > self._max_bytes:
            self._buffer.clear()
            self._at, self._in_scan = 0, False
        return frames

    def _find_end(self) -> int | None:
        """Return where the first picture ends; 0 if it is none, None if more bytes are needed."""
        if not self._at and not self._find_start():
            return None
        while not self._in_scan or self._skip_scan():
            length = self._segment_length()
            if not length:
                return length
            if self._at + length > len(self._buffer):
                return None
            marker = self._buffer[self._at + 1]
            self._at += length
            if marker == _END:
                return self._at
            self._in_scan = marker == _SCAN
        return None

    def _find_start(self) -> bool:
        """Drop everything before the first picture; False if there is none yet."""
        start = self._buffer.find(_START)
        # The last two bytes may be the beginning of one.
        del self._buffer[: start if start >= 0 else max(0, len(self._buffer) - 2)]
        self._at = 2 if start >= 0 else 0
        return start >= 0

    def _segment_length(self) -> int | None:
        """Return the bytes of the segment that is next; 0 if it is none, None if not all is there.

        A fill byte counts as a segment of one.
        """
        head = self._buffer[self._at : self._at + 4]
        if len(head) < 2:
            return None
        if head[0] != 0xFF or head[1] in {0x00, 0xD8}:
            return 0
        if head[1] == 0xFF:
            return 1
        if head[1] == _END or head[1] in _ALONE:
            return 2
        if len(head) < 4:
            return None
        length = int.from_bytes(head[2:], "big")
        return 2 + length if length >= 2 else 0

    def _skip_scan(self) -> bool:
        """Move on to the marker that ends a scan's data; False if it is not there yet."""
        while True:
            found = self._buffer.find(b"\xff", self._at)
            if found < 0 or found + 2 > len(self._buffer):
                self._at = len(self._buffer) if found < 0 else found
                return False
            following = self._buffer[found + 1]
            if following and not 0xD0 <= following <= 0xD7:
                self._at, self._in_scan = found, False
                return True
            self._at = found + 2

"""A camera without hardware: pictures that are replayed, or drawn."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

from PIL import Image

from mnist_edge.errors import PictureNotFound
from mnist_edge.monitoring.camera_keeper import Frame
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.demo_counter import CYCLE, draw_counter, picture_at
from mnist_edge.preprocessing.decoding import SUFFIXES
from mnist_edge.system.files import read_regular_file


class DemoCamera:
    """Replays the pictures of a folder, in the order of their names and again; or draws a counter.

    Args:
        folder: with the pictures; None for the drawn counter.
        clock: for the time of each.

    Raises:
        PictureNotFound: the folder is not there, or has no pictures.
    """

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._clock = clock
        self.number = 0
        """Number of the picture that is shown now, from 0."""
        self._drawn: tuple[int, bytes] = (-1, b"")
        self._paths: list[Path] = []
        if folder is not None:
            with suppress(OSError):
                self._paths = sorted(
                    one for one in folder.iterdir() if one.suffix.lower() in SUFFIXES
                )
            if not self._paths:
                raise PictureNotFound(f"no pictures in {folder}; name a folder that has some")

    @property
    def length(self) -> int:
        """Number of pictures before they, or the faults of the counter, come again."""
        return len(self._paths) or CYCLE

    def go_on_after(self, shown: int, digits: int) -> None:
        """Let the drawn counter show the next number first; pictures of a folder begin again.

        Args:
            shown: the number, or its last digits.
            digits: how many.
        """
        if not self._paths:
            self.number = (shown + 1 - picture_at(0).value) % 10**digits

    def start(self) -> None:
        """Go on where it stopped."""

    def newest(self) -> Frame | None:
        """Return the picture that is shown now."""
        if self._drawn[0] != self.number:
            self._drawn = self.number, self._picture(self.number)
        return Frame(content=self._drawn[1], at=self._clock.monotonic())

    def end(self) -> str | None:
        """Return None: it never ends."""
        return None

    def advance(self) -> None:
        """Show the next picture."""
        self.number += 1

    def stop(self) -> None:
        """Stay where it is."""

    def _picture(self, number: int) -> bytes:
        if self._paths:
            path = self._paths[number % len(self._paths)]
            with suppress(OSError):
                return read_regular_file(path)
            return b""
        shown = picture_at(number)
        # A picture that is stuck is the one before it, with its noise.
        pixels = draw_counter(shown, seed=shown.drawn)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        return stream.getvalue()

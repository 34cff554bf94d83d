"""From the bytes of a camera to the regions: decoded, turned, aligned and cut out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge.monitoring.alignment import Aligner
from mnist_edge.monitoring.regions import cut_out, require_inside, straighten
from mnist_edge.monitoring.settings import MonitorSettings, Point
from mnist_edge.preprocessing.decoding import decode_whole

PixelArray = NDArray[np.uint8]


class PictureReader:
    """Decodes pictures, aligns them, and cuts out the regions.

    Args:
        settings: of the camera, the alignment and the regions.

    Raises:
        InvalidValue: a region or a mark is outside the reference picture.
        PictureError: the reference picture cannot be read.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._aligner: Aligner | None = None
        self._size: tuple[int, ...] | None = None
        self.pictures = 0
        """Number of pictures that were decoded."""
        if settings.alignment:
            reference = decode_whole(settings.alignment.reference)
            self._reference_size = reference.shape[:2]
            self._require_inside(reference)
            self._aligner = Aligner(reference, settings.alignment)

    def decode(self, content: bytes) -> PixelArray:
        """Return a picture of the camera, turned as the settings say.

        Raises:
            PictureError: it is no picture, or too large.
        """
        self.pictures += 1
        return decode_whole(content, turn=self._settings.camera.turn)

    def aligned(self, picture: PixelArray) -> PixelArray:
        """Return a picture brought to the reference; as it is if there is none.

        Raises:
            NotAligned: the marks are not found.
        """
        if not self._aligner:
            return picture
        height, width = self._reference_size
        corners: list[Point] = [(0, 0), (width, 0), (width, height), (0, height)]
        placed = self._aligner.align(picture).apply(corners)
        return straighten(picture, placed, size=(width, height))

    def regions(self, picture: PixelArray) -> dict[str, PixelArray]:
        """Return the regions of a picture, by their names.

        Raises:
            NotAligned: the marks are not found.
            InvalidValue: without an alignment, a region is outside the picture.
        """
        placement = self._aligner.align(picture) if self._aligner else None
        if self._size != picture.shape:
            if not self._aligner:
                self._require_inside(picture)
            self._size = picture.shape
        return {
            region.name: cut_out(picture, region, placement) for region in self._settings.regions
        }

    def _require_inside(self, picture: PixelArray) -> None:
        height, width = picture.shape[:2]
        for region in self._settings.regions:
            require_inside(region, width, height)

"""What a model guesses that a picture, or each box in it, shows, for somebody who labels it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_edge.data.label_table import BoxEdges
from mnist_edge.data.labeled_pictures import LabeledPicture
from mnist_edge.inference.classifier import Classifier, Prediction


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a model reads in a picture, or in a box of it."""

    prediction: Prediction
    box: BoxEdges | None = None
    """Where it is; None for the whole picture."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        likeliest, share = self.prediction.top(1)[0]
        return {
            "digit": self.prediction.digit,
            "likeliest": likeliest,
            "confidence": round(share, 3),
            "abstained": self.prediction.abstained,
            "box": self.box,
        }


def guess_picture(classifier: Classifier, file: Path, *, several: bool | None) -> tuple[Guess, ...]:
    """Guess what a picture shows.

    Args:
        classifier: reads it.
        file: the picture.
        several: whether it shows several digits; None if the model is to decide.

    Returns:
        One guess of the whole picture, or one for each digit that is found.

    Raises:
        PictureError: it cannot be read.
    """
    if not several:
        prediction = classifier.predict(file)
        if several is False or prediction.abstained != "not-one-digit":
            return (Guess(prediction=prediction),)
    page = classifier.predict_all(file)
    boxes = tuple(Guess(prediction=one.prediction, box=one.box) for one in page.digits)
    return boxes or (Guess(prediction=classifier.predict(file)),)


def guess_boxes(
    classifier: Classifier, folder: Path, path: str, boxes: Sequence[BoxEdges]
) -> tuple[Guess, ...]:
    """Guess what each of the boxes in a picture shows.

    Args:
        classifier: reads them.
        folder: of the picture.
        path: the picture, relative to the folder.
        boxes: places in it.

    Raises:
        PictureError: it cannot be read.
    """
    crops = [LabeledPicture(path=path, digit=None, box=box).open(folder) for box in boxes]
    predictions = classifier.predict_many(crops)
    return tuple(
        Guess(prediction=prediction, box=box)
        for prediction, box in zip(predictions, boxes, strict=True)
    )

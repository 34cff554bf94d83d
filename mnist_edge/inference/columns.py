"""Read batches of columns, as engines hand them out: Ray Data, Beam, Spark, Daft, Dask.

An engine splits its pictures into batches and calls ``read_columns`` with each, wherever it likes:
each process opens the model once. A picture that cannot be read becomes a row with its error, so
that no task fails because of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import InvalidValue, PictureError, PictureNotFound, UnreadablePicture
from mnist_edge.inference.batch import Outcome, classify_readable, outcome_document
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.inference.inputs import attempt_read
from mnist_edge.preprocessing.pipeline import preprocess
from mnist_edge.system.text import to_unicode

if TYPE_CHECKING:
    import pyarrow as pa

    from mnist_edge.inference.page import Page
    from mnist_edge.preprocessing.decoding import Picture

Result = TypeVar("Result")

SCHEMA_VERSION = 1
"""Version of the answers' columns: it grows when one is renamed or changes its type or meaning."""
PICTURE_COLUMNS = ("bytes", "pixels", "path")
"""Columns that hold pictures; the first of them that a batch has is read."""
ANSWER_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "digit": "int8",
        "confidence": "float64",
        "abstained": "string",
        "error_type": "string",
        "error": "string",
    }
)
"""The answers' columns with Arrow's names of their types; each is null where it does not apply."""
PAGE_TYPES: Mapping[str, str] = MappingProxyType({"text": "string", "boxes": "list<list<int32>>"})
"""The columns that reading every digit of a picture adds."""

_classifiers: dict[tuple[str | Path | None, float | str | None], Classifier] = {}
"""The models that this process has opened."""
_opening = threading.Lock()


def read_columns(
    columns: Any,
    *,
    model: str | Path | None = None,
    min_confidence: float | str | None = None,
    read_all: bool = False,
) -> dict[str, Any]:
    """Read the picture in each row of a batch.

    Args:
        columns: a dict of columns, a pandas DataFrame, or a pyarrow Table or RecordBatch. One
            column holds the pictures: ``bytes``, encoded images; ``pixels``, each ``(height,
            width[, 1, 3 or 4])`` or 784 numbers of 0 to 255; or ``path``, files of this machine.
        model: as for ``Classifier``.
        min_confidence: as for ``Classifier``.
        read_all: whether to read every digit of each picture, as ``Classifier.predict_all`` does.

    Returns:
        The batch's other columns as they are, ``path`` among them, and these, as lists:

        - ``digit``: 0 to 9; None without an answer, and for a page of several digits
        - ``confidence``: 0 to 1, rounded as in ``predict``'s JSON; of a page, its least
        - ``abstained``: why there is no digit, as in ``Prediction``; of a page, the first reason
        - ``error_type`` and ``error``: why the picture cannot be read; None for one that was
        - with ``read_all``, ``text``: the digits, ``?`` where there is no answer, a line per line
          of the page; and ``boxes``: left, top, right and bottom of each digit

    Raises:
        InvalidValue: there is no column of pictures, another has the name of an answer, or
            ``min_confidence`` is as ``Classifier`` says.
        ModelError: as ``Classifier`` says.
    """
    names = column_names(columns)
    source = picture_column(names, read_all=read_all)
    pictures = to_pictures(source, columns[source])
    paths = _to_list(columns["path"]) if "path" in names else ["the picture"] * len(pictures)
    classifier = _open_once(model, min_confidence)
    outcomes = read_pictures(classifier, zip(paths, pictures, strict=True), read_all=read_all)
    passed = {name: columns[name] for name in names if name != source or name == "path"}
    return {**passed, **answer_columns(outcomes, read_all=read_all)}


def read_table(
    table: pa.Table | pa.RecordBatch,
    *,
    model: str | Path | None = None,
    min_confidence: float | str | None = None,
    read_all: bool = False,
) -> pa.Table:
    """Read the picture in each row of an Arrow table, into a table whose types are always the same.

    Args:
        table: as for ``read_columns``, as are the others.
        model: the model.
        min_confidence: the confidence below which it abstains.
        read_all: whether to read every digit of each picture.

    Returns:
        The columns of ``read_columns``, typed as ``ANSWER_TYPES`` and ``PAGE_TYPES`` say.

    Raises:
        InvalidValue: as ``read_columns`` says.
        ModelError: as ``read_columns`` says.
    """
    import pyarrow as pa

    columns = read_columns(table, model=model, min_confidence=min_confidence, read_all=read_all)
    answers = answer_schema(read_all=read_all)
    passed = [table.schema.field(name) for name in columns if name not in answers.names]
    return pa.table(columns, pa.schema([*passed, *answers]))


def column_names(columns: Any) -> list[str]:
    """Return the names of a batch's columns, whatever kind of batch it is."""
    return list(columns.schema.names if hasattr(columns, "schema") else columns)


def picture_column(names: Sequence[str], *, read_all: bool) -> str:
    """Return the column that holds the pictures.

    Raises:
        InvalidValue: there is none, or another column has the name of an answer.
    """
    answers = {**ANSWER_TYPES, **(PAGE_TYPES if read_all else {})}
    if taken := sorted(answers.keys() & set(names)):
        raise InvalidValue(f"column {taken[0]!r} has the name of an answer: rename it")
    found = next((name for name in PICTURE_COLUMNS if name in names), None)
    if found is None:
        raise InvalidValue(
            f"no column of pictures among {', '.join(map(repr, names)) or 'none'}; expected "
            f"{', '.join(PICTURE_COLUMNS[:-1])} or {PICTURE_COLUMNS[-1]}"
        )
    return found


def read_pictures(
    classifier: Classifier,
    pictures: Iterable[tuple[str, Picture | PictureError]],
    *,
    read_all: bool = False,
) -> list[Outcome]:
    """Read pictures that come with their names, in batches; an error stays in its place."""
    if read_all:
        return [_attempt(name, one, classifier.predict_all) for name, one in pictures]
    inputs = (_attempt(name, one, preprocess) for name, one in pictures)
    return classify_readable(classifier, inputs)


def _attempt(
    name: str, picture: Picture | PictureError, read: Callable[[Picture], Result]
) -> Result | PictureError:
    return picture if isinstance(picture, PictureError) else attempt_read(picture, read, name=name)


def answer_columns(outcomes: Sequence[Outcome], *, read_all: bool = False) -> dict[str, list[Any]]:
    """Return the answers' columns of what was read."""
    names = [*ANSWER_TYPES, *(PAGE_TYPES if read_all else ())]
    rows = [_answers(outcome) for outcome in outcomes]
    return {name: [row.get(name) for row in rows] for name in names}


def answer_schema(*, read_all: bool = False) -> pa.Schema:
    """Return the Arrow schema of the answers' columns, which pyarrow cannot infer from nulls."""
    import pyarrow as pa

    boxes = pa.list_(pa.list_(pa.int32()))
    types = {**ANSWER_TYPES, **(PAGE_TYPES if read_all else {})}
    return pa.schema(
        [
            (name, boxes if name == "boxes" else pa.type_for_alias(kind))
            for name, kind in types.items()
        ]
    )


def to_pictures(source: str, values: Any) -> list[Picture | PictureError]:
    """Return the pictures of a column, and errors in the place of what is none.

    Args:
        source: what the column holds, one of ``PICTURE_COLUMNS``.
        values: the column.
    """
    to_picture = {"bytes": _from_bytes, "pixels": _from_pixels, "path": _from_path}[source]
    return [_missing(source) if value is None else to_picture(value) for value in _to_list(values)]


def _answers(outcome: Outcome) -> dict[str, Any]:
    """Return one row's answers, without those that are null."""
    if isinstance(outcome, PictureError):
        return {"error_type": type(outcome).__name__, "error": to_unicode(str(outcome))}
    if isinstance(outcome, Prediction):
        return outcome_document(outcome)
    return _page_answers(outcome)


def _page_answers(page: Page) -> dict[str, Any]:
    digits = [outcome_document(digit.prediction) for digit in page.digits]
    reasons = (one["abstained"] for one in digits if "abstained" in one)
    return {
        "digit": digits[0]["digit"] if len(digits) == 1 else None,
        "confidence": min((one["confidence"] for one in digits), default=0.0),
        "abstained": next(reasons, None) if digits else "blank",
        "text": page.text,
        "boxes": [list(digit.box) for digit in page.digits],
    }


def _open_once(model: str | Path | None, min_confidence: float | str | None) -> Classifier:
    """Open a model the first time that this process needs it."""
    key = (model, min_confidence)
    with _opening:
        if key not in _classifiers:
            _classifiers[key] = Classifier(model, min_confidence=min_confidence)
        return _classifiers[key]


def _to_list(values: Any) -> list[Any]:
    """Return a column of Arrow, pandas or numpy as a list of Python's own values."""
    return list(values.to_pylist() if hasattr(values, "to_pylist") else values)


def _missing(source: str) -> PictureNotFound:
    return PictureNotFound(f"no picture: its {source} is null; expected one in every row")


def _from_bytes(value: Any) -> Picture | PictureError:
    try:
        return bytes(memoryview(value))
    except TypeError:
        return UnreadablePicture(f"bytes is a {type(value).__name__}; expected an encoded image")


def _from_path(value: Any) -> Picture | PictureError:
    if isinstance(value, str | Path):
        return str(value)
    return UnreadablePicture(f"path is a {type(value).__name__}; expected a string")


def _from_pixels(value: Any) -> Picture | PictureError:
    try:
        array = np.array(_nested_list(value))
    except ValueError:  # rows of different lengths
        array = np.empty(0)
    if array.shape == (DIGIT_SHAPE[0] * DIGIT_SHAPE[1],):
        array = array.reshape(DIGIT_SHAPE)
    if array.size and array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        pixels: NDArray[np.uint8] = array.astype(np.uint8)
        return pixels
    return UnreadablePicture(
        f"pixels of shape {array.shape} and dtype {array.dtype}; expected 784 or (height, width) "
        "integers of 0 to 255"
    )


def _nested_list(value: Any) -> Any:
    """Return an array, or arrays within arrays as pandas holds Arrow's lists, as lists."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value
    return [_nested_list(one) for one in value] if np.ndim(value) else value

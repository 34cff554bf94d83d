"""Read handwritten digits with a few kilobytes of int8 TFLite.

    >>> from mnist_edge import Classifier
    >>> Classifier().predict("digit.png").digit
    7

Names are imported when first used, so that ``mnist-edge --help`` needs no numpy. Nothing is
imported here at all: ``python -m mnist_edge`` runs this before it can take the current folder off
the module path.
"""

TYPE_CHECKING = False  # as typing has it
if TYPE_CHECKING:
    from mnist_edge.errors import MnistEdgeError
    from mnist_edge.inference.classifier import Classifier, Prediction
    from mnist_edge.inference.page import FoundDigit, Page

__version__ = "0.2.0"
__all__ = [
    "CLASSES",
    "DIGIT_SHAPE",
    "DIGIT_SIDE",
    "Classifier",
    "FoundDigit",
    "MnistEdgeError",
    "Page",
    "Prediction",
    "__version__",
]

DIGIT_SIDE = 28
"""Height and width of a digit in MNIST's format, in pixels."""
DIGIT_SHAPE = (DIGIT_SIDE, DIGIT_SIDE)
"""Shape of a digit in MNIST's format: ``(height, width)``."""
CLASSES = 10
"""Number of classes: the digits 0 to 9."""

_HOMES = {
    "Classifier": "mnist_edge.inference.classifier",
    "FoundDigit": "mnist_edge.inference.page",
    "Page": "mnist_edge.inference.page",
    "Prediction": "mnist_edge.inference.classifier",
    "MnistEdgeError": "mnist_edge.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

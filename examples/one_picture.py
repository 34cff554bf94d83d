"""Read one picture from Python.

python examples/one_picture.py mnist_edge/samples/digit.png
"""

from __future__ import annotations

import sys

from mnist_edge import Classifier, MnistEdgeError


def main(path: str) -> None:
    """Print the digit, or why there is none."""
    classifier = Classifier()  # the model in use: an installed one, or the shipped default
    try:
        prediction = classifier.predict(path)
    except MnistEdgeError as error:
        sys.exit(str(error))
    if prediction.digit is None:
        print(f"no answer: {prediction.abstained}")
    else:
        print(f"{prediction.digit} ({prediction.confidence:.1%})")


if __name__ == "__main__":
    main(sys.argv[1])

"""Read every picture of a folder, write a CSV, and count what was read.

python examples/folder_with_results.py photos results.csv
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from mnist_edge import Classifier, MnistEdgeError


def main(folder: Path, results: Path) -> None:
    """Write one row per picture; a picture that cannot be read has its reason in the row."""
    classifier = Classifier()
    counts: Counter[str] = Counter()
    with results.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "digit", "confidence", "reason"))
        for path in sorted(folder.iterdir()):
            try:
                prediction = classifier.predict(path)
            except MnistEdgeError as error:
                rows.writerow((path.name, "", "", str(error)))
                counts["unreadable"] += 1
                continue
            digit = "" if prediction.digit is None else str(prediction.digit)
            rows.writerow(
                (path.name, digit, f"{prediction.confidence:.4f}", prediction.abstained or "")
            )
            counts[digit or "withheld"] += 1
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Measure how often models answer pictures that show no digit, by kind.

    python -m benchmarks.accuracy.outliers
    python -m benchmarks.accuracy.outliers models/edge runs/mine --json nondigits.json
    python -m benchmarks.accuracy.outliers --refuse 0.01

Every picture goes straight to the model, as 28x28 pixels, including those that the front end would
refuse (several digits, no ink). As in `mnist-edge predict`, a model answers if its confidence
reaches the threshold in its manifest; the share of each kind that is answered should be small.
`--refuse` sets the threshold to refuse a given share of the validation digits instead, so that
models are compared at the same cost. The area under the ROC curve tells how well confidence
separates validation digits from the kind at any threshold: 1 is perfect, 0.5 is chance.

The pictures are drawn with a seed that no training uses; those made from digits use validation
digits. No recipe trains on the kinds in `HELD_OUT_KINDS`, so that only they tell what a model does
with pictures unlike any that it was shown; they are counted apart.

Needs matplotlib, for its typefaces, and no TensorFlow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import shipped
from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits, load_mnist
from mnist_edge.inference.classifier import Prediction
from mnist_edge.system.files import write_json
from mnist_edge.training.outliers.generator import (
    HELD_OUT_KINDS,
    KINDS,
    LOOKALIKE_KINDS,
    TRAINING_KINDS,
    draw_outliers,
)

SEED = 1_000_003
"""Of the pictures: recipes draw theirs with small ones."""
SCHEMES = ("float32", "int8")
GROUPS = {
    "kinds that recipes learn from": TRAINING_KINDS,
    "kinds that resemble digits, and some recipes learn from": LOOKALIKE_KINDS,
    "kinds that none learns from": HELD_OUT_KINDS,
}
"""Kinds that are counted together."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model over one kind."""

    kind: str
    held_out: bool
    answered: float
    """Share of the pictures, 0..1, at the model's threshold."""
    auc: float
    """Area under the ROC curve, 0..1, of validation digits against the kind by confidence."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A model over the kinds of a group."""

    mean_answered: float
    worst_answered: float
    """The largest share."""
    mean_auc: float
    worst_auc: float
    """The smallest."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One file of a model."""

    model: str
    scheme: str
    min_confidence: float
    """Calibrated probability below which it does not answer: the manifest's, or as was asked."""
    digits_refused: float
    """Share of the validation digits, 0..1."""
    rows: tuple[Row, ...]
    """A kind each."""

    def summary(self, kinds: Sequence[str]) -> Summary:
        """Return the mean and the worst over some kinds."""
        rows = [row for row in self.rows if row.kind in kinds]
        answered, aucs = [row.answered for row in rows], [row.auc for row in rows]
        return Summary(
            mean_answered=float(np.mean(answered)),
            worst_answered=max(answered),
            mean_auc=float(np.mean(aucs)),
            worst_auc=min(aucs),
        )


def draw_kinds(count: int, seed: int, digits: Digits) -> dict[str, NDArray[np.uint8]]:
    """Draw pictures of every kind, ``(count, 28, 28)`` each."""
    pictures = draw_outliers(count * len(KINDS), digits=digits, seed=seed)
    # The kinds take turns.
    return {kind: pictures[turn :: len(KINDS)] for turn, kind in enumerate(KINDS)}


def threshold_that_refuses(share: float, confidences: NDArray[np.float64]) -> float:
    """Return the highest threshold that refuses at most a share, 0..1 (1 excluded)."""
    return float(np.sort(confidences)[int(share * len(confidences))])


def measure(
    folder: Path,
    scheme: str,
    digits: NDArray[np.uint8],
    kinds: dict[str, NDArray[np.uint8]],
    *,
    refuse: float | None = None,
) -> Result:
    """Measure a model on digits and on pictures of no digit.

    Args:
        folder: the model's.
        scheme: which of its files.
        digits: ``(n, 28, 28)``, which set the threshold where ``refuse`` is given.
        kinds: pictures of no digit, ``(m, 28, 28)`` each.
        refuse: share of the digits below the threshold; None for the manifest's threshold.
    """
    classifier = Classifier(folder, scheme=scheme)
    of_digits = classifier.predict_pixels(digits)
    if refuse is not None:
        threshold = threshold_that_refuses(refuse, _confidences(of_digits))
        classifier = Classifier(folder, scheme=scheme, min_confidence=threshold)
        of_digits = classifier.predict_pixels(digits)
    rows = []
    for kind, pictures in kinds.items():
        predictions = classifier.predict_pixels(pictures)
        rows.append(
            Row(
                kind=kind,
                held_out=kind in HELD_OUT_KINDS,
                answered=_share_answered(predictions),
                auc=area_under_roc(_confidences(of_digits), _confidences(predictions)),
            )
        )
    return Result(
        model=folder.resolve().name,
        scheme=scheme,
        min_confidence=classifier.min_confidence,
        digits_refused=1 - _share_answered(of_digits),
        rows=tuple(rows),
    )


def area_under_roc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Measure how well a score separates two sets.

    The share of pairs, one of each set, in which the positive scores higher, equal scores for half
    a pair: that is the area under the curve (J. Hanley, B. McNeil, "The meaning and use of the
    area under a receiver operating characteristic (ROC) curve", 1982).

    Args:
        positive: ``(n,)`` scores, at least one.
        negative: ``(m,)`` scores, at least one.
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / (2 * len(negative)))


def table(results: Sequence[Result]) -> str:
    """Format the files of one model side by side, at most 80 columns wide.

    Args:
        results: of one model, two at most in that width.
    """
    schemes = "".join(f"{result.scheme:>15}{'AUC':>9}" for result in results)
    lines = [f"{f'{results[0].model}, answered':<26}{schemes}"]
    for group, kinds in GROUPS.items():
        lines.append(f"{group}:")
        for kind in kinds:
            rows = [next(row for row in result.rows if row.kind == kind) for result in results]
            lines.append(_line(kind, [(row.answered, row.auc) for row in rows]))
        summaries = [result.summary(kinds) for result in results]
        lines += [
            _line("= mean", [(one.mean_answered, one.mean_auc) for one in summaries]),
            _line("= worst", [(one.worst_answered, one.worst_auc) for one in summaries]),
        ]
    refused = "".join(f"{_percent(result.digits_refused):<24}" for result in results)
    threshold = "".join(f"{_percent(result.min_confidence):<24}" for result in results)
    lines += [f"{'validation digits refused':<33}{refused}", f"{'threshold':<33}{threshold}"]
    return "\n".join(line.rstrip() for line in lines)


def _line(name: str, figures: Sequence[tuple[float, float]]) -> str:
    cells = "".join(f"{_percent(answered):>15}{auc:>9.4f}" for answered, auc in figures)
    return f"  {name:<24}{cells}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _share_answered(predictions: Sequence[Prediction]) -> float:
    answered = sum(prediction.digit is not None for prediction in predictions)
    return answered / len(predictions)


def _confidences(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    return np.array([prediction.confidence for prediction in predictions])


def _main() -> None:
    parser = argparse.ArgumentParser(
        description="How often models answer pictures that show no digit."
    )
    parser.add_argument(
        "models", nargs="*", type=Path, help="model folders (default: the shipped ones)"
    )
    parser.add_argument("--count", type=int, default=400, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--refuse", type=float, help="share of the digits, 0..1, to be refused")
    parser.add_argument("--json", type=Path, help="a file for the results")
    chosen = parser.parse_args()
    if chosen.refuse is not None and not 0 <= chosen.refuse < 1:
        parser.error(f"--refuse {chosen.refuse} is outside 0..1")
    digits = load_mnist().validation
    kinds = draw_kinds(chosen.count, chosen.seed, digits)
    results = []
    for folder in chosen.models or shipped.folders():
        of_model = [
            measure(folder, scheme, digits.images, kinds, refuse=chosen.refuse)
            for scheme in SCHEMES
            if (folder / f"{scheme}.tflite").is_file()
        ]
        print(f"{table(of_model)}\n")
        results += of_model
    setting = shipped.setting()
    print(f"{chosen.count} pictures a kind, {len(digits):,} validation digits, seed {chosen.seed}")
    print(shipped.told(setting))
    if chosen.json is not None:
        write_json(
            chosen.json,
            {
                "setting": setting,
                "count": chosen.count,
                "seed": chosen.seed,
                "results": [
                    {
                        **asdict(result),
                        "taught": asdict(result.summary(TRAINING_KINDS)),
                        "lookalikes": asdict(result.summary(LOOKALIKE_KINDS)),
                        "held_out": asdict(result.summary(HELD_OUT_KINDS)),
                    }
                    for result in results
                ],
            },
        )


if __name__ == "__main__":
    _main()

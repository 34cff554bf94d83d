"""Measure what a model withholds and answers wrongly at any minimum confidence.

    python -m benchmarks.accuracy.operating_points
    python -m benchmarks.accuracy.operating_points models/edge runs/mine --count 50
    python -m benchmarks.accuracy.operating_points --figure benchmarks/accuracy/operating_points.png
    python -m benchmarks.accuracy.operating_points models/nano --write

Two sets of pictures of one digit are read: the 5,000 validation digits, and the generator's hard
pictures with whatever the front end makes of them. `balanced` is chosen by the rule of `convert`,
on the validation digits. `careful` is the lowest minimum at which at most `CAREFUL_ERROR_RATE` of
the answers to validation digits are wrong, a quarter of what `balanced` allows, and at most
`HARD_ERROR_RATE` of those to hard pictures. No test digit is read.

`--write` puts both points into the manifests: for a scheme other than int8, `careful` withholds as
many validation digits as int8 does. A model's own minimum, its temperature and its file stay as
they are. The temperature that would suit each set is printed to be compared with the model's.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import shipped
from benchmarks.accuracy.hard_pictures.conditions import CONDITIONS, SEVERITIES, HardPicture, make
from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits, load_mnist
from mnist_edge.inference.classifier import Prediction
from mnist_edge.metrics.confidence import choose_threshold, fit_temperature
from mnist_edge.modelstore.manifest import SCHEMA_VERSION, ModelManifest, OperatingPoints
from mnist_edge.system.files import write_bytes, write_json
from mnist_edge.training.learning_curves import new_figure

SEED = 31
"""Of the hard pictures."""
CAREFUL_ERROR_RATE = 0.00025
"""Maximum share of wrong answers to validation digits at `careful`: one of 5,000."""
HARD_ERROR_RATE = 0.005
"""Maximum share of wrong answers to hard pictures at `careful`."""
MIN_COVERAGE = 0.95
"""Minimum share of each set, of those that the front end passes on, that `careful` answers."""
_MIN_PROBABILITY = 1e-30
SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
"""Minimum confidences in the table, beside the operating points."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model answers to pictures of one digit each at a minimum confidence of 0."""

    confidences: NDArray[np.float64]
    """``(n,)``, 0..1; -1 where the front end withholds the picture."""
    right: NDArray[np.bool_]
    """``(n,)``, whether the likeliest digit is the label."""
    temperature: float
    """Divisor of the model's logits at which the answered pictures would be calibrated."""

    def withheld(self, minimum: float) -> float:
        """Return the share of pictures, 0..1, that get no answer."""
        return float((self.confidences < minimum).mean())

    def wrong(self, minimum: float) -> float:
        """Return the share of pictures, 0..1, that get a wrong one."""
        return float(((self.confidences >= minimum) & ~self.right).mean())

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the shares withheld and wrong, ``(m,)`` each, over every minimum confidence."""
        minimums = np.unique(np.clip(self.confidences, 0, None))
        return (
            np.array([self.withheld(minimum) for minimum in minimums]),
            np.array([self.wrong(minimum) for minimum in minimums]),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """A model's answers to both sets, and its operating points."""

    model: str
    validation: Answers
    hard: Answers
    points: OperatingPoints


def hard_pictures(
    count: int, *, conditions: Collection[str] = tuple(CONDITIONS)
) -> Iterator[HardPicture]:
    """Draw ``count`` pictures of one digit under each condition and severity that has some."""
    for condition in conditions:
        for severity in SEVERITIES:
            for picture in make(condition, severity, count, SEED):
                if picture.truth is not None and len(picture.truth) == 1:
                    yield picture


def measure(folder: Path, digits: Digits, pictures: Sequence[HardPicture]) -> Result:
    """Read both sets with a model's int8 file and choose its operating points."""
    classifier = Classifier(folder, min_confidence=0.0)
    temperature = classifier.model.temperature
    validation = _answers(classifier.predict_pixels(digits.images), digits.labels, temperature)
    truths = np.array([int(picture.truth or 0) for picture in pictures], np.uint8)
    read = [classifier.predict(picture.image) for picture in pictures]
    hard = _answers(read, truths, temperature)
    return Result(
        model=folder.resolve().name,
        validation=validation,
        hard=hard,
        points=choose_points(validation, hard),
    )


def choose_points(validation: Answers, hard: Answers) -> OperatingPoints:
    """Choose the minimum confidences that are called balanced and careful."""
    balanced = choose_threshold(validation.confidences, validation.right)
    passed = hard.confidences >= 0
    careful = max(
        balanced,
        choose_threshold(
            validation.confidences,
            validation.right,
            max_error_rate=CAREFUL_ERROR_RATE,
            min_coverage=MIN_COVERAGE,
        ),
        choose_threshold(
            hard.confidences[passed],
            hard.right[passed],
            max_error_rate=HARD_ERROR_RATE,
            min_coverage=MIN_COVERAGE,
        ),
    )
    return OperatingPoints(balanced=balanced, careful=careful)


def _answers(
    predictions: Sequence[Prediction], labels: NDArray[np.uint8], temperature: float
) -> Answers:
    """Collect predictions of a model whose logits were divided by ``temperature``."""
    passed = np.array([one.digit is not None for one in predictions])
    probabilities = np.array([one.probabilities for one in predictions])
    logits = np.log(np.maximum(probabilities, _MIN_PROBABILITY))
    return Answers(
        confidences=np.where(passed, [one.confidence for one in predictions], -1),
        right=np.array([-1 if one.digit is None else one.digit for one in predictions]) == labels,
        temperature=temperature * fit_temperature(logits[passed], labels[passed]),
    )


def table(result: Result) -> str:
    """Format a model as text, at most 80 columns wide."""
    points = asdict(result.points)
    rows = sorted([*((minimum, "") for minimum in SHOWN), *((p, n) for n, p in points.items())])
    lines = [
        f"{result.model:<24}{'validation digits':>24}{'hard pictures':>24}",
        f"{'minimum confidence':<24}{'withheld':>12}{'wrong':>12}{'withheld':>12}{'wrong':>12}",
    ]
    for minimum, name in rows:
        sets = (result.validation, result.hard)
        shares = [share for one in sets for share in (one.withheld(minimum), one.wrong(minimum))]
        figures = "".join(f"{f'{100 * share:.2f} %':>12}" for share in shares)
        lines.append(f"{f'{100 * minimum:.2f} % {name}':<24}{figures}")
    suited = (f"{one.temperature:.2f}" for one in (result.validation, result.hard))
    lines.append("{:<24}{:>24}{:>24}".format("temperature that suits", *suited))
    return "\n".join(lines)


def draw(results: Sequence[Result], path: Path) -> None:
    """Plot wrong against withheld, a panel for each set, a line for each model."""
    figure = new_figure(width=9, height=4)
    for panel, kind in enumerate(("validation", "hard")):
        axis = figure.add_subplot(1, 2, panel + 1)
        for result in results:
            answers: Answers = getattr(result, kind)
            withheld, wrong = answers.curve()
            (line,) = axis.plot(100 * withheld, 100 * wrong, label=result.model, linewidth=1.2)
            for name, marker in (("balanced", "o"), ("careful", "s")):
                minimum = getattr(result.points, name)
                axis.plot(
                    100 * answers.withheld(minimum),
                    100 * answers.wrong(minimum),
                    marker,
                    color=line.get_color(),
                )
        axis.set_title(f"{kind} {'digits' if kind == 'validation' else 'pictures'}", fontsize=10)
        axis.set_xlabel("withheld, %")
        axis.set_ylabel("answered wrongly, %")
        axis.set_xlim(0, 6 if kind == "validation" else 25)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle("circle: balanced; square: careful", fontsize=9)
    figure.savefig(path)


def write_points(folder: Path, result: Result, digits: Digits) -> None:
    """Put the operating points into the manifests of a model folder."""
    for path in sorted(folder.glob("*.json")):
        if not path.with_suffix(".tflite").is_file():
            continue
        manifest = ModelManifest.from_json(path.read_text(encoding="utf-8"), source=path)
        points = result.points
        if manifest.scheme != "int8":
            classifier = Classifier(folder, scheme=manifest.scheme, min_confidence=0.0)
            read = classifier.predict_pixels(digits.images)
            answers = _answers(read, digits.labels, classifier.model.temperature)
            share = result.validation.withheld(points.careful)
            alike = float(np.sort(answers.confidences)[round(share * len(digits))])
            balanced = choose_threshold(answers.confidences, answers.right)
            points = OperatingPoints(balanced=balanced, careful=max(alike, balanced))
        changed = replace(manifest, schema_version=SCHEMA_VERSION, operating_points=points)
        write_bytes(path, changed.to_json().encode())


def _main() -> None:
    parser = argparse.ArgumentParser(description="Wrong against withheld, and operating points.")
    parser.add_argument(
        "models", nargs="*", type=Path, help="model folders (default: the shipped ones)"
    )
    parser.add_argument(
        "--count", type=int, default=20, help="hard pictures per condition and severity"
    )
    parser.add_argument("--figure", type=Path, help="plot the curves into this file")
    parser.add_argument("--json", type=Path, help="write the operating points into this file")
    parser.add_argument("--write", action="store_true", help="write them into the manifests")
    chosen = parser.parse_args()
    digits = load_mnist().validation
    pictures = list(hard_pictures(chosen.count))
    folders = chosen.models or [shipped.MODELS / name for name in ("edge", "nano", "micro")]
    results = []
    for folder in folders:
        results.append(measure(folder, digits, pictures))
        print(table(results[-1]), end="\n\n", flush=True)
        if chosen.write:
            write_points(folder, results[-1], digits)
    print(f"{len(digits):,} validation digits, {len(pictures):,} hard pictures")
    print(shipped.told(shipped.setting()))
    if chosen.figure:
        draw(results, chosen.figure)
    if chosen.json:
        write_json(chosen.json, {result.model: asdict(result.points) for result in results})


if __name__ == "__main__":
    _main()

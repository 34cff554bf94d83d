"""The verdict: a report in one sentence, about its worst finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_edge.evaluation.report.results import SchemeReport
from mnist_edge.system.text import percent

MAX_TOLERABLE_DROP = 0.3
"""Largest drop in percentage points to ship without asking: the default limit of
``mnist-edge convert``."""
_BROKEN_DROP = 10.0
"""Drop in percentage points that rounding cannot explain: something in the file is wrong."""
_BROKEN_ACCURACY = 0.5
"""Accuracy below which even the reference cannot read these pictures."""
_CONSTANT = 0.9
"""Share of equal answers from which a model's answer is called constant."""
_SWAPPED = 0.5
"""Share of a digit's pictures read as one other digit from which the two are called confused."""
_CORRUPTED_DROP = 1.0
"""Smallest significant drop under a corruption, in percentage points, that the verdict mentions."""
_INT8 = "int8"
"""The scheme that the verdict is about when none loses too much."""


def verdict(model: str, schemes: Sequence[SchemeReport]) -> str:
    """Return the cost of quantization in one sentence.

    The sentence is about the worst scheme if one loses more than is tolerable, else about int8.

    Args:
        model: the model's name.
        schemes: the reference first.
    """
    reference, *candidates = schemes
    if reference.accuracy < _BROKEN_ACCURACY:
        return (
            f"{reference.scheme}, the reference, is broken itself: it reads "
            f"{percent(reference.accuracy)} of {reference.total:,} pictures{_symptom(reference)}."
        )
    if not candidates:
        return (
            f"{model}: {reference.scheme} alone was measured, {percent(reference.accuracy)} of "
            f"{reference.total:,} pictures; there is nothing to compare."
        )
    worst = max(candidates, key=lambda scheme: scheme.drop_points)
    if not _loses_too_much(worst):
        worst = next((scheme for scheme in candidates if scheme.scheme == _INT8), worst)
        return f"{_tolerable(model, worst, reference)}{_under_corruption(worst, reference)}."
    others = [s.scheme for s in candidates if s is not worst and _loses_too_much(s)]
    also = f", nor {', '.join(others)}" if others else ""
    if worst.drop_points >= _BROKEN_DROP:
        return (
            f"{worst.scheme} is broken: {_against(worst, reference)}"
            f"{_symptom(worst)}: do not ship it{also}."
        )
    return (
        f"{worst.scheme} loses {worst.drop_points:.2f} points (95 %: {_interval(worst)}), "
        f"{_against(worst, reference)}: do not ship it{also}."
    )


def _loses_too_much(scheme: SchemeReport) -> bool:
    """Check for a drop that is significant and more than tolerable."""
    return scheme.drop_points > MAX_TOLERABLE_DROP and scheme.drop_interval.low > 0


def _tolerable(model: str, scheme: SchemeReport, reference: SchemeReport) -> str:
    """Describe a tolerable drop, a drop that is not significant, or a gain."""
    if scheme.drop_interval.low > 0:
        effect = f"costs {model} {scheme.drop_points:.2f} points (95 %: {_interval(scheme)})"
    elif scheme.drop_interval.high < 0:
        effect = f"gains {model} {-scheme.drop_points:.2f} points"
    elif scheme.largest_drop <= MAX_TOLERABLE_DROP:
        effect = f"costs {model} nothing"
    else:
        return (
            f"{scheme.scheme} shows no sure drop, but {scheme.total:,} pictures are too few: "
            f"{_against(scheme, reference)}, and up to {scheme.largest_drop:.2f} points are not "
            "excluded at 95 % confidence"
        )
    return (
        f"{scheme.scheme} {effect}: {_against(scheme, reference)}; no drop larger than "
        f"{scheme.largest_drop:.2f} points at 95 % confidence"
    )


def _symptom(scheme: SchemeReport) -> str:
    """Describe the errors of a broken model, if the confusion matrix shows a pattern."""
    confusion = np.array(scheme.confusion)
    answers = confusion.sum(axis=0)
    if answers.max() >= _CONSTANT * scheme.total:
        return f"; it answers {answers.argmax()} to nearly everything"
    wrong = confusion - np.diag(confusion.diagonal())
    confused = wrong > _SWAPPED * np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    pairs = [f"{label} as {answer}" for label, answer in np.argwhere(confused)]
    return f"; it reads {' and '.join(pairs)}" if 0 < len(pairs) <= len(confusion) // 2 else ""


def _under_corruption(scheme: SchemeReport, reference: SchemeReport) -> str:
    """Describe the largest significant drop under a corruption, and the wrong answers it causes."""
    significant = [
        (own, before)
        for own, before in zip(scheme.corruptions, reference.corruptions, strict=True)
        if own.drop_points > _CORRUPTED_DROP and own.drop_interval.low > 0
    ]
    if not significant:
        return ""
    own, before = max(significant, key=lambda pair: pair[0].drop_points)
    return (
        f"; under {own.kind} it loses {own.drop_points:.1f} points, with "
        f"{percent(own.wrong_share)} wrong answers "
        f"({reference.scheme}: {percent(before.wrong_share)})"
    )


def _against(scheme: SchemeReport, reference: SchemeReport) -> str:
    return (
        f"{percent(scheme.accuracy)} of {scheme.total:,} pictures against "
        f"{percent(reference.accuracy)} in {reference.scheme}"
    )


def _interval(scheme: SchemeReport) -> str:
    return f"{scheme.drop_interval.low:.2f} to {scheme.drop_interval.high:.2f}"

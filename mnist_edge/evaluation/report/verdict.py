"""The verdict: a report in one sentence, about its worst finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_edge.evaluation.report.results import SchemeReport
from mnist_edge.system.text import fixed, percent

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
"""Smallest significant loss of right answers under a corruption, in percentage points, that the
verdict mentions."""
_SIGNIFICANCE = 0.05
"""Probability of finding a loss under some corruption where there is none under any."""
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
        f"{worst.scheme} loses {fixed(worst.drop_points)} points (95 %: {_interval(worst)}), "
        f"{_against(worst, reference)}: do not ship it{also}."
    )


def _loses_too_much(scheme: SchemeReport) -> bool:
    """Check for a drop that is significant and more than tolerable."""
    return scheme.drop_points > MAX_TOLERABLE_DROP and scheme.drop_interval.low > 0


def _tolerable(model: str, scheme: SchemeReport, reference: SchemeReport) -> str:
    """Describe a tolerable drop, a drop that is not significant, or a gain, by its interval."""
    if scheme.drop_interval.low > 0:
        effect = f"costs {model} {fixed(scheme.drop_points)} points (95 %: {_interval(scheme)})"
        return f"{scheme.scheme} {effect}: {_against(scheme, reference)}"
    if scheme.drop_interval.high < 0:
        gain = f"{fixed(-scheme.drop_points)} points (95 %: {_gain_interval(scheme)})"
        return f"{scheme.scheme} gains {model} {gain}: {_against(scheme, reference)}"
    largest = f"{fixed(scheme.largest_drop)} points"
    if scheme.largest_drop <= MAX_TOLERABLE_DROP:
        return (
            f"{scheme.scheme} of {model} has no loss that these {scheme.total:,} digits show; at "
            f"most {largest}, at 95 % confidence: {_against(scheme, reference)}"
        )
    return (
        f"{scheme.scheme} shows no sure drop, but {scheme.total:,} pictures are too few: "
        f"{_against(scheme, reference)}, and up to {largest} are not excluded at 95 % confidence"
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
    """Describe the largest significant loss of right answers under a corruption.

    Only what ``predict`` answers is considered: of the bare arrays many get no answer at all. Each
    p-value is held against the number of corruptions (Bonferroni's correction).
    """
    answers = [
        (own.kind, own.predicted, before.predicted)
        for own, before in zip(scheme.corruptions, reference.corruptions, strict=True)
        if own.predicted and before.predicted
    ]
    significant = [
        (kind, own, before)
        for kind, own, before in answers
        if own.drop_points > _CORRUPTED_DROP and own.p_value * len(answers) < _SIGNIFICANCE
    ]
    if not significant:
        return ""
    kind, own, before = max(significant, key=lambda row: row[1].drop_points)
    return (
        f"; under {kind} predict answers {percent(own.right_share)} of {own.total:,} pictures "
        f"right ({reference.scheme}: {percent(before.right_share)}) and "
        f"{percent(own.wrong_share)} wrong ({percent(before.wrong_share)})"
    )


def _against(scheme: SchemeReport, reference: SchemeReport) -> str:
    return (
        f"{percent(scheme.accuracy)} of {scheme.total:,} pictures against "
        f"{percent(reference.accuracy)} in {reference.scheme}"
    )


def _interval(scheme: SchemeReport) -> str:
    return f"{fixed(scheme.drop_interval.low)} to {fixed(scheme.drop_interval.high)}"


def _gain_interval(scheme: SchemeReport) -> str:
    return f"{fixed(-scheme.drop_interval.high)} to {fixed(-scheme.drop_interval.low)}"

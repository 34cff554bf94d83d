"""A report in a sentence, the worst of it named first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_edge.evaluation.report.results import SchemeReport

TOLERABLE = 0.3
"""Drop in percentage points beyond which a scheme is not to be shipped unasked: what
``mnist-edge convert`` refuses by default."""
_BROKEN_DROP = 10.0
"""Drop in percentage points that no rounding explains: something in the file is wrong."""
_BROKEN_ACCURACY = 0.5
"""Accuracy below which even the reference is no digit model for these pictures."""
_ALWAYS = 0.9
"""Share of the answers with one digit from which on a model answers nothing else."""
_SWAPPED = 0.5
"""Share of a digit's pictures that are read as one other from which on the two are confused."""
_CORRUPTED = 1.0
"""Drop in percentage points under a corruption, surely above 0, that is worth the sentence."""
_INT8 = "int8"
"""The scheme that a model is made for."""


def verdict(model: str, schemes: Sequence[SchemeReport]) -> str:
    """What quantization costs, in a sentence.

    Of several schemes it is about the worst where one loses more than is tolerable, and about
    int8 where none does.

    Args:
        model: the model's name.
        schemes: the reference first.
    """
    reference, *candidates = schemes
    if reference.accuracy < _BROKEN_ACCURACY:
        return (
            f"{reference.scheme}, the reference, is broken itself: it reads "
            f"{_percent(reference.accuracy)} of {reference.total:,} pictures{_symptom(reference)}."
        )
    if not candidates:
        return (
            f"{model}: {reference.scheme} alone was measured, {_percent(reference.accuracy)} of "
            f"{reference.total:,} pictures; there is nothing to compare."
        )
    worst = max(candidates, key=lambda scheme: scheme.drop_points)
    if not _loses_too_much(worst):
        worst = next((scheme for scheme in candidates if scheme.scheme == _INT8), worst)
        return f"{_small(model, worst, reference)}{_under_corruption(worst, reference)}."
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
    """Beyond what is tolerable, and not by chance."""
    return scheme.drop_points > TOLERABLE and scheme.drop_interval.low > 0


def _small(model: str, scheme: SchemeReport, reference: SchemeReport) -> str:
    """A drop that is tolerable, or not shown, or a gain."""
    if scheme.drop_interval.low > 0:
        said = f"costs {model} {scheme.drop_points:.2f} points (95 %: {_interval(scheme)})"
    elif scheme.drop_interval.high < 0:
        said = f"gains {model} {-scheme.drop_points:.2f} points"
    elif scheme.largest_drop <= TOLERABLE:
        said = f"costs {model} nothing"
    else:
        return (
            f"{scheme.scheme} shows no sure drop, but {scheme.total:,} pictures are too few: "
            f"{_against(scheme, reference)}, and up to {scheme.largest_drop:.2f} points are not "
            "excluded at 95 % confidence"
        )
    return (
        f"{scheme.scheme} {said}: {_against(scheme, reference)}; no drop larger than "
        f"{scheme.largest_drop:.2f} points at 95 % confidence"
    )


def _symptom(scheme: SchemeReport) -> str:
    """What a broken file does, where it can be told from the confusion."""
    confusion = np.array(scheme.confusion)
    given = confusion.sum(axis=0)
    if given.max() >= _ALWAYS * scheme.total:
        return f"; it answers {given.argmax()} to nearly everything"
    wrong = confusion - np.diag(confusion.diagonal())
    confused = wrong > _SWAPPED * np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    pairs = [f"{label} as {answer}" for label, answer in np.argwhere(confused)]
    return f"; it reads {' and '.join(pairs)}" if 0 < len(pairs) <= len(confusion) // 2 else ""


def _under_corruption(scheme: SchemeReport, reference: SchemeReport) -> str:
    """A drop that shows only where the pictures are worse, and how much of it anybody is told."""
    sure = [
        (own, before)
        for own, before in zip(scheme.corruptions, reference.corruptions, strict=True)
        if own.drop_points > _CORRUPTED and own.drop_interval.low > 0
    ]
    if not sure:
        return ""
    own, before = max(sure, key=lambda pair: pair[0].drop_points)
    return (
        f"; under {own.kind} it loses {own.drop_points:.1f} points, with "
        f"{_percent(own.wrong_answers / own.total)} wrong answers "
        f"({reference.scheme}: {_percent(before.wrong_answers / before.total)})"
    )


def _against(scheme: SchemeReport, reference: SchemeReport) -> str:
    return (
        f"{_percent(scheme.accuracy)} of {scheme.total:,} pictures against "
        f"{_percent(reference.accuracy)} in {reference.scheme}"
    )


def _interval(scheme: SchemeReport) -> str:
    return f"{scheme.drop_interval.low:.2f} to {scheme.drop_interval.high:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"

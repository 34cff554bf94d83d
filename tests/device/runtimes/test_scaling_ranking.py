from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, RAW_PIXELS
from mnist_edge.runtimes.scaling_ranking import RankedScaling, Run, choose_scaling, rank_scalings

NAMES = list(INPUT_SCALINGS)
DIGITS = Digits(
    images=np.random.RandomState(0).randint(0, 256, (40, 28, 28)).astype(np.uint8),
    labels=(np.arange(40) % 10).astype(np.uint8),
)
READ_AS = {INPUT_SCALINGS[name].apply(DIGITS.images).tobytes(): name for name in NAMES}
RIGHT = np.eye(10, dtype=np.float32)[DIGITS.labels]
NOTHING = np.zeros((40, 10), np.float32)
UNSURE = 4 * RIGHT
"""Right about every digit but four, and equally confident of those."""
UNSURE[:4] = np.roll(UNSURE[:4], 1, axis=1)
LOGITS = arrays.arrays(np.float32, (40, 10), elements=st.integers(-10, 10).map(float))


def answering(
    logits: dict[str, NDArray[np.float32]], otherwise: NDArray[np.float32] = NOTHING
) -> Run:
    """Make a model with these logits under these scalings of its input."""
    return lambda values: logits.get(READ_AS[values.tobytes()], otherwise)


def judged(run: Run) -> dict[str, RankedScaling]:
    return {one.scaling.name: one for one in rank_scalings(run, DIGITS).ranked}


def log_loss(logits: NDArray[np.float32], inverse_temperature: float) -> float:
    losses = []
    for row, label in zip(logits.tolist(), DIGITS.labels, strict=True):
        total = math.fsum(math.exp(logit * inverse_temperature) for logit in row)
        losses.append(math.log(total) - row[label] * inverse_temperature)
    return math.fsum(losses) / len(losses)


@settings(max_examples=15)
@given(LOGITS)
def test_the_log_loss_is_at_the_best_temperature_and_the_score_adds_its_distance_from_1(
    logits: NDArray[np.float32],
) -> None:
    # Eight temperatures a factor of e, from e**-8 to e**4.
    away = [step / 8 for step in range(-64, 33)]
    losses = [log_loss(logits, math.exp(one)) for one in away]
    found = judged(answering({"pixels": logits}))["pixels"]
    assert found.log_loss == pytest.approx(min(losses))
    # Any of several equal temperatures may be chosen.
    scores = [
        loss * (1 + 0.05 * abs(one))
        for one, loss in zip(away, losses, strict=True)
        if loss == pytest.approx(min(losses))
    ]
    assert any(found.score == pytest.approx(score) for score in scores)
    assert found.accuracy == np.mean(logits.argmax(axis=1) == DIGITS.labels)


@settings(max_examples=15)
@given(LOGITS, arrays.arrays(np.float32, (40, 1), elements=st.integers(-10_000, 10_000).map(float)))
def test_the_ranking_ignores_a_constant_added_to_all_logits(
    logits: NDArray[np.float32], constant: NDArray[np.float32]
) -> None:
    plain = judged(answering({"pixels": logits}))["pixels"]
    shifted = judged(answering({"pixels": logits + constant}))["pixels"]
    assert shifted.log_loss == pytest.approx(plain.log_loss, abs=1e-6)
    assert shifted.accuracy == plain.accuracy


BEYOND = st.sampled_from([math.nan, math.inf, -math.inf])


@settings(max_examples=15)
@given(
    arrays.arrays(np.float32, (40, 10), elements=BEYOND | st.just(0.0)), st.sampled_from(NAMES[1:])
)
def test_nan_and_infinite_logits_never_win(logits: NDArray[np.float32], name: str) -> None:
    judgement = rank_scalings(answering({name: UNSURE}, otherwise=logits), DIGITS)
    assert judgement.best.scaling.name == name
    assert all(math.isfinite(one.log_loss) and math.isfinite(one.score) for one in judgement.ranked)


@pytest.mark.parametrize(("right", "wrong"), [(math.inf, 0.0), (0.0, -math.inf)])
def test_infinite_logits_count_as_uniform(right: float, wrong: float) -> None:
    logits = np.where(RIGHT > 0, right, wrong).astype(np.float32)
    assert judged(answering({"pixels": logits}))["pixels"].log_loss == pytest.approx(math.log(10))


@pytest.mark.parametrize("name", NAMES)
def test_the_scaling_that_a_model_was_trained_with_is_chosen(name: str) -> None:
    judgement = rank_scalings(answering({name: UNSURE}), DIGITS)
    assert judgement.is_clear
    assert choose_scaling(judgement, name="net").name == name
    assert judgement.best.accuracy == 0.9


@pytest.mark.parametrize(
    ("alike", "simplest"),
    [
        (("inverted/255", "pixels-unit-rows", "pixels/255-0.5"), "pixels/255-0.5"),
        (("inverted-unit-image", "inverted-unit-rows"), "inverted-unit-rows"),
        (tuple(NAMES), "pixels"),
    ],
)
def test_the_simplest_of_equivalent_scalings_is_chosen(
    alike: tuple[str, ...], simplest: str
) -> None:
    # The simplest is the worst by a hair.
    slightly = {name: UNSURE * np.float32(1 - 1e-7 * NAMES.index(name)) for name in alike}
    judgement = rank_scalings(answering(slightly), DIGITS)
    assert choose_scaling(judgement, name="net").name == simplest


def test_nearly_equal_scalings_are_ambiguous() -> None:
    other = UNSURE.copy()
    other[:4] *= 1.02
    judgement = rank_scalings(answering({"pixels/255": UNSURE, "inverted": other}), DIGITS)
    assert 1.002 < judgement.runner_up.score / judgement.best.score < 1.02
    with pytest.raises(UnsuitableModel, match="net reads digits about equally well with") as unsure:
        choose_scaling(judgement, name="net")
    assert "pixels/255 0." in str(unsure.value)
    assert str(unsure.value).endswith("name the right one with --pixels")
    other[:4] *= 1.5
    judgement = rank_scalings(answering({"pixels/255": UNSURE, "inverted": other}), DIGITS)
    assert choose_scaling(judgement, name="net").name == "pixels/255"


@pytest.mark.parametrize(("right", "reads"), [(19, False), (20, True)])
def test_a_model_must_read_half_of_the_digits(right: int, reads: bool) -> None:
    logits = 4 * RIGHT
    logits[right:] = np.roll(logits[right:], 1, axis=1)
    judgement = rank_scalings(answering({"pixels": logits}), DIGITS)
    if reads:
        assert choose_scaling(judgement, name="net") is RAW_PIXELS
    else:
        with pytest.raises(UnsuitableModel, match="net reads digits with no pixel scaling"):
            choose_scaling(judgement, name="net")

import numpy as np

from mnist_edge.monitoring.change import ChangeDetector
from mnist_edge.monitoring.demo_counter import COUNTER_BOX, CounterPicture, draw_counter


def regions(value: int, seed: int, light: int = 0) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    left, top, right, bottom = COUNTER_BOX
    picture = draw_counter(CounterPicture(value=value), seed=seed)[top:bottom, left:right]
    return {"counter": np.clip(picture.astype(int) - light, 0, 255).astype(np.uint8)}


def test_one_digit_counts_as_a_change_but_noise_and_light_do_not() -> None:
    detector = ChangeDetector(8.0)
    assert detector.has_changed(regions(1, 0))
    detector.remember(regions(1, 0))
    assert not detector.has_changed(regions(1, 1))
    assert not detector.has_changed(regions(1, 2, light=6))
    assert detector.has_changed(regions(2, 1))


def test_a_change_counts_until_it_is_remembered() -> None:
    detector = ChangeDetector(8.0)
    detector.remember(regions(1, 0))
    assert detector.has_changed(regions(8, 1))
    assert detector.has_changed(regions(8, 2))
    detector.remember(regions(8, 2))
    assert not detector.has_changed(regions(8, 3))

import io
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.camera_keeper import Camera, CameraKeeper
from mnist_edge.monitoring.cameras import open_camera
from mnist_edge.monitoring.demo_counter import (
    COUNTER_BOX,
    MARKS,
    CounterPicture,
    draw_counter,
)
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.monitor import Monitor
from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.monitoring.recording import Recorder, Recording, Unrecorded
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import (
    AlignmentSettings,
    CameraSettings,
    MonitorSettings,
    RegionSettings,
    ScheduleSettings,
)
from tests.support.clocks import SteppedClock
from tests.support.fake_camera import FakeCamera

RULES = RuleSettings(digits=8, only_grows=True, max_step=100.0, digit_carry=True)


def region(**changes: Any) -> RegionSettings:
    return RegionSettings(**{"name": "counter", "box": COUNTER_BOX, "rules": RULES, **changes})


def settings(
    *,
    schedule: ScheduleSettings = ScheduleSettings(),  # noqa: B008
    alignment: AlignmentSettings | None = None,
    regions: Sequence[RegionSettings] = (),
    **camera: Any,
) -> MonitorSettings:
    return MonitorSettings(
        camera=CameraSettings(**{"address": "demo:", **camera}),
        schedule=schedule,
        alignment=alignment,
        regions=tuple(regions) or (region(),),
    )


@cache
def picture(value: int, seed: int = 0, *, shift: int = 0) -> bytes:
    pixels = draw_counter(CounterPicture(value=value), seed=seed)
    stream = io.BytesIO()
    Image.fromarray(np.roll(pixels, shift, axis=1)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


class Watch:
    """A monitor with a stepped clock, and all that it reported."""

    def __init__(
        self,
        settings: MonitorSettings,
        classifier: Classifier,
        camera: Camera | Callable[[SteppedClock], Camera] | None = None,
        recorder: Recorder | None = None,
        *,
        start: float = 0.0,
    ) -> None:
        self.clock = SteppedClock()
        self.clock.sleep(start)
        if callable(camera):
            camera = camera(self.clock)
        self.camera: Any = camera or open_camera(settings.camera, self.clock)
        self.keeper = CameraKeeper(self.camera, settings.camera, self.clock)
        self.readings: list[ValueReading] = []
        self.warnings: list[str] = []
        self.asked = threading.Event()
        recording = Recording(
            settings.regions,
            recorder or Unrecorded(),
            report=self.readings.extend,
            warn=self.warnings.append,
        )
        self.monitor = Monitor(
            settings,
            classifier,
            self.keeper,
            self.clock,
            recording,
            warn=self.warnings.append,
            asked=self.asked,
        )

    def run(self, seconds: float) -> list[ValueReading]:
        """Go on for some seconds of its clock; return what was read in them."""
        end = self.clock.monotonic() + seconds
        before = len(self.readings)

        def pause(wait: float) -> bool:
            self.clock.sleep(max(wait, 0.001))
            return self.clock.monotonic() < end

        self.monitor.run(pause)
        return self.readings[before:]


@pytest.fixture(scope="module")
def classifier(nano: Path) -> Classifier:
    return Classifier(nano)


@pytest.mark.slow
def test_the_drawn_counter_becomes_values_and_the_misread_is_refused(
    classifier: Classifier,
) -> None:
    watch = Watch(settings(warm_up=0.0), classifier)
    readings = watch.run(280)
    values = [reading.value for reading in readings]
    for number in (0, 1, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 19, 20):
        assert values[number] == 1_234_560 + number, readings[number]
    # Glare hides a digit, and the drum between two digits is explained by those before it.
    assert readings[5].raw == "012?4565"
    assert values[5] is None
    assert readings[9].raw == "0123456?"
    assert readings[13].raw == "91234573"
    assert values[13] is None
    assert readings[13].reason == "max_step"
    # A stuck picture is first read as before, and then a fault of the camera, reported once.
    assert values[21] == 1_234_580
    (frozen,) = (reading for reading in readings if reading.reason == "camera")
    assert "frozen" in (frozen.error or "")
    assert values[-1] is not None
    assert values[-1] >= 1_234_587


def test_a_region_outside_the_picture_is_an_error_at_the_start(classifier: Classifier) -> None:
    outside = region(box=(48, 96, 700, 180))
    with pytest.raises(InvalidValue, match=r"outside the picture, which has 640x280"):
        Watch(settings(regions=[outside], warm_up=0.0), classifier).run(10)


def test_each_fault_of_the_camera_is_an_error_within_a_minute(classifier: Classifier) -> None:
    for fault in ("unplugged", "silent", "frozen", "garbage"):
        watch = Watch(
            settings(schedule=ScheduleSettings(every=600.0)),
            classifier,
            lambda clock: FakeCamera(clock, lambda number: picture(7, number % 3)),
        )
        assert [reading.value for reading in watch.run(100)] == [7], fault
        watch.camera.fault = fault
        errors = watch.run(60)
        assert [reading.reason for reading in errors] == ["camera"], fault
        # A fault that lasts is recorded from time to time, and ends by itself.
        assert len(watch.run(1800)) <= 3
        watch.camera.fault = None
        assert [reading.value for reading in watch.run(60)][-1] == 7, fault
        # An observer hears of it at once, and when it is over.
        began, ended = watch.warnings
        assert began.startswith("camera: "), fault
        assert ended == "camera: it works again", fault


@pytest.mark.slow
def test_a_picture_that_looks_alike_is_not_read_again(classifier: Classifier) -> None:
    watch = Watch(
        settings(schedule=ScheduleSettings(every=10.0, on_change=True)),
        classifier,
        lambda clock: FakeCamera(clock, lambda number: picture(7 + (number > 600), number % 5)),
    )
    values = [reading.value for reading in watch.run(800)]
    assert values[0] == 7
    assert [one for one in values if one == 8] == values[-1:]
    assert len(values) <= 3
    # From time to time it is read all the same.
    assert len(watch.run(1300)) == 2


def test_a_reading_that_is_asked_for_is_taken_at_once(classifier: Classifier) -> None:
    schedule = ScheduleSettings(every=3600.0, on_change=True)
    watch = Watch(
        settings(schedule=schedule),
        classifier,
        lambda clock: FakeCamera(clock, lambda number: picture(7, number % 5)),
    )
    assert len(watch.run(100)) == 1
    watch.asked.set()
    assert len(watch.run(5)) == 1


@pytest.mark.slow
def test_nothing_is_read_in_quiet_hours(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    quiet = ScheduleSettings(every=60.0, quiet=("12:05-12:30",))
    watch = Watch(
        settings(schedule=quiet), classifier, lambda c: FakeCamera(c, lambda n: picture(7, n % 9))
    )
    minutes = [reading.time.minute for reading in watch.run(2400)]
    assert not set(minutes) & set(range(6, 30))
    assert {0, 1, 4, 31, 38} <= set(minutes)


def test_regions_follow_a_camera_that_moves(classifier: Classifier, tmp_path: Path) -> None:
    reference = tmp_path / "reference.png"
    Image.fromarray(draw_counter(CounterPicture(value=0))).save(reference)
    alignment = AlignmentSettings(reference=reference, marks=MARKS)
    watch = Watch(
        settings(alignment=alignment),
        classifier,
        lambda clock: FakeCamera(clock, lambda number: picture(7, number % 3, shift=10)),
    )
    assert watch.run(5)[0].value == 7
    watch.camera.picture = _black
    errors = watch.run(25)
    assert {reading.reason for reading in errors} == {"alignment"}


def _black(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (640, 280), (number % 3, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def test_the_light_is_on_for_the_picture_alone(classifier: Classifier, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = tmp_path / "light"
    program.write_text(f'#!/bin/sh\necho "$1" >> {log}\n')
    program.chmod(0o755)
    watch = Watch(settings(light_command=str(program), warm_up=0.0), classifier)
    watch.run(3)
    # Once before the first picture: a watch that was killed may have left it on.
    assert log.read_text().split() == ["off", "on", "off"]
    broken = Watch(settings(light_command="false", warm_up=0.0), classifier)
    assert broken.run(3)[0].value == 1_234_560
    assert "light_command" in broken.warnings[0]


def test_a_camera_that_is_not_kept_open_runs_for_each_reading(classifier: Classifier) -> None:
    watch = Watch(
        settings(keep_open=False, schedule=ScheduleSettings(every=60.0)),
        classifier,
        lambda clock: FakeCamera(clock, lambda number: picture(7, number % 5)),
    )
    assert len(watch.run(200)) == 4
    assert watch.keeper.starts == 4
    assert not watch.camera.is_running


def test_ids_of_readings_are_never_used_again(classifier: Classifier) -> None:
    watch = Watch(settings(warm_up=0.0), classifier)
    watch.clock.now = lambda: SteppedClock().now()  # type: ignore[method-assign]
    readings = watch.run(30)
    assert len({reading.reading_id for reading in readings}) == len(readings) == 3


def test_after_a_restart_the_rules_know_the_value_before(
    classifier: Classifier, tmp_path: Path
) -> None:
    path = HistorySettings(path=tmp_path / "readings.db")
    watch = Watch(settings(warm_up=0.0), classifier, recorder=History(path))
    assert watch.run(10)[0].value == 1_234_560
    fallen = lambda clock: FakeCamera(clock, lambda number: picture(7, number % 3))  # noqa: E731
    again = Watch(settings(warm_up=0.0), classifier, fallen, History(path), start=60)
    assert again.run(3)[0].reason == "only_grows"
    assert len(list(History(path).readings())) == 2

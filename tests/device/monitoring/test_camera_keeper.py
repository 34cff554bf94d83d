import pytest

from mnist_edge.monitoring.camera_keeper import CameraFailed, CameraKeeper, Frame
from mnist_edge.monitoring.settings import CameraSettings
from tests.support.clocks import SteppedClock
from tests.support.fake_camera import FakeCamera

SETTINGS = CameraSettings(address="demo:", warm_up=3.0)


class Bench:
    """A keeper, its camera and its clock."""

    def __init__(self, settings: CameraSettings = SETTINGS) -> None:
        self.clock = SteppedClock()
        self.camera = FakeCamera(self.clock)
        self.keeper = CameraKeeper(self.camera, settings, self.clock)
        self.keeper.open()

    def wait(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.sleep(0.5)
            self.keeper.tend()

    def newest(self) -> Frame | None:
        return self.keeper.newest(self.clock.monotonic() - 1)


def test_a_picture_is_returned_once_exposure_has_settled() -> None:
    bench = Bench()
    bench.wait(2.5)
    assert bench.newest() is None
    bench.wait(1)
    assert bench.newest()
    assert bench.keeper.is_healthy
    assert bench.keeper.newest(bench.clock.monotonic() + 1) is None


def test_each_failure_is_known_within_a_minute_and_goes_away_by_itself() -> None:
    for fault, words in (
        ("unplugged", "no such device"),
        ("silent", "no picture for 20s"),
        ("garbage", "what it gives is no picture"),
        ("frozen", "frozen: the same picture, byte for byte, for 45s"),
    ):
        bench = Bench()
        bench.wait(100)
        assert bench.keeper.problem is None
        bench.camera.fault = fault
        bench.wait(60)
        assert words in (bench.keeper.problem or ""), fault
        assert bench.newest() is None
        # It is tried at least twice a minute, whatever happens in a day.
        starts = bench.keeper.starts
        bench.wait(3600)
        assert 60 <= bench.keeper.starts - starts <= 130
        bench.camera.fault = None
        bench.wait(60)
        assert bench.keeper.problem is None, fault
        assert bench.newest()


def test_the_pause_before_a_new_start_grows_and_is_short_again_later() -> None:
    bench = Bench()
    bench.wait(10)
    bench.camera.fault = "unplugged"
    bench.wait(8)
    starts = bench.keeper.starts
    bench.wait(8)
    assert bench.keeper.starts == starts + 1
    bench.camera.fault = None
    bench.wait(60)
    bench.camera.fault = "unplugged"
    bench.wait(1)
    bench.camera.fault = None
    bench.wait(6)
    assert bench.newest()


def test_a_picture_that_cannot_be_decoded_starts_the_camera_anew() -> None:
    bench = Bench()
    bench.wait(10)
    bench.keeper.reject("a picture that is damaged")
    assert bench.keeper.problem
    bench.wait(10)
    assert bench.newest()
    assert bench.keeper.starts == 2


def test_pictures_of_a_source_may_repeat_if_the_settings_say_so() -> None:
    bench = Bench(CameraSettings(address="demo:", frozen_after=0.0))
    bench.camera.fault = "frozen"
    bench.wait(300)
    assert bench.keeper.problem is None
    assert bench.keeper.starts == 1


def test_a_camera_that_is_closed_stays_closed() -> None:
    bench = Bench()
    bench.wait(10)
    bench.keeper.close()
    bench.wait(100)
    assert not bench.camera.is_running
    assert bench.newest() is None
    bench.keeper.open()
    bench.wait(5)
    assert bench.newest()


def test_the_fake_camera_fails_as_cameras_do() -> None:
    camera = FakeCamera(SteppedClock())
    camera.fault = "unplugged"
    with pytest.raises(CameraFailed, match="no such device"):
        camera.start()

from datetime import time
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import (
    AlignmentSettings,
    CameraSettings,
    MonitorSettings,
    RegionSettings,
    ScheduleSettings,
    demo_settings,
    load_monitor_settings,
    require_region_name,
)
from mnist_edge.monitoring.settings_file import save_settings

MARKS = ((0, 0, 40, 40), (200, 0, 240, 40))


def test_quiet_hours_may_go_over_midnight() -> None:
    schedule = ScheduleSettings(quiet=("22:00-06:00", "12:00-13:00"))
    quiet = [hour for hour in range(24) if schedule.is_quiet(time(hour))]
    assert quiet == [0, 1, 2, 3, 4, 5, 12, 22, 23]


@pytest.mark.parametrize("text", ["22-6", "22:00", "24:00-06:00", "22:00 - 06:00"])
def test_hours_are_written_in_one_way(text: str) -> None:
    with pytest.raises(InvalidValue, match="22:00-06:00"):
        ScheduleSettings(quiet=(text,))


def test_a_failure_of_the_camera_is_known_within_a_minute() -> None:
    with pytest.raises(InvalidValue, match=r"no_picture_after: 60 is outside 1\.\.55"):
        CameraSettings(address="rpicam", no_picture_after=60.0)
    with pytest.raises(InvalidValue, match=r"frozen_after: 90 is outside 2\.\.55"):
        CameraSettings(address="rpicam", frozen_after=90.0)
    assert CameraSettings(address="demo:", frozen_after=0.0).frozen_after == 0


def test_marks_are_two_or_more_boxes() -> None:
    assert AlignmentSettings(reference=Path("a.jpg"), marks=MARKS).max_rotation == 10
    with pytest.raises(InvalidValue, match="two or more"):
        AlignmentSettings(reference=Path("a.jpg"), marks=MARKS[:1])
    with pytest.raises(InvalidValue, match=r"marks.2: \[200, 0, 200, 40\]"):
        AlignmentSettings(reference=Path("a.jpg"), marks=(MARKS[0], (200, 0, 200, 40)))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "#", "-a", "a" * 64])
def test_a_region_has_a_name_that_a_topic_can_have(name: str) -> None:
    require_region_name("main-2_x")
    with pytest.raises(InvalidValue, match="letters, digits"):
        require_region_name(name)


def test_a_file_with_every_key_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    save_settings(path, demo_settings())
    assert load_monitor_settings(path) == demo_settings()
    # A person finds every key, even those of tables that are commented out.
    text = path.read_text(encoding="utf-8")
    for name in ("[camera]", "# [alignment]", "[[region]]", "[region.rules]", "# [history]"):
        assert f"\n{name}\n" in text
    for name in ("quiet", "max_rate_per_minute", "discovery_prefix", "keep_open", "corners"):
        assert f"\n# {name} = " in text


def test_two_regions_have_two_names() -> None:
    region = RegionSettings(name="a", box=(0, 0, 20, 20), rules=RuleSettings(digits=1))
    with pytest.raises(InvalidValue, match="two are called 'a'"):
        MonitorSettings(camera=CameraSettings(address="demo:"), regions=(region, region))
    with pytest.raises(InvalidValue, match="min_confidence"):
        MonitorSettings(camera=CameraSettings(address="demo:"), min_confidence=2.0)

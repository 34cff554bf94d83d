from __future__ import annotations

from pathlib import Path

from mnist_edge.device.thermal import ThermalState, read_thermal_state, throttling_reason
from tests.support.files import write_text


def test_a_board_that_slowed_down_has_a_reason() -> None:
    cool = ThermalState(celsius=50.0, mhz=1500.0, throttled=())
    assert throttling_reason(cool, cool) is None
    assert "throttled" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=("throttled",)))
    )
    assert "600 MHz" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=None))
    )
    # The governor of an idle board raises its clock.
    assert throttling_reason(ThermalState(celsius=None, mhz=600.0, throttled=None), cool) is None


def test_the_state_is_read_from_system_files(tmp_path: Path) -> None:
    for path, text in {
        "sys/class/thermal/thermal_zone0/temp": "61500\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "4\n",
    }.items():
        write_text(tmp_path / path, text)
    assert read_thermal_state(tmp_path) == ThermalState(
        celsius=61.5, mhz=1800.0, throttled=("throttled",)
    )
    assert read_thermal_state(tmp_path / "nothing").mhz is None

from __future__ import annotations

from pathlib import Path

from mnist_edge.device.thermal import ThermalState, read_thermal_state, throttling_reason


def test_a_board_that_slows_itself_is_told() -> None:
    cool = ThermalState(celsius=50.0, mhz=1500.0, throttled=())
    assert throttling_reason(cool, cool) is None
    assert "throttled" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=("throttled",)))
    )
    assert "600 MHz" in str(
        throttling_reason(cool, ThermalState(celsius=85.0, mhz=600.0, throttled=None))
    )
    # A governor wakes a clock up.
    assert throttling_reason(ThermalState(celsius=None, mhz=600.0, throttled=None), cool) is None


def test_heat_is_read_where_the_system_keeps_it(tmp_path: Path) -> None:
    for path, text in {
        "sys/class/thermal/thermal_zone0/temp": "61500\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "4\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert read_thermal_state(tmp_path) == ThermalState(
        celsius=61.5, mhz=1800.0, throttled=("throttled",)
    )
    assert read_thermal_state(tmp_path / "nothing").mhz is None

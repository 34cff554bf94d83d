import sys
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidValue, ProgramFailed
from mnist_edge.monitoring.light import Light


def test_the_program_is_called_with_on_and_off_and_no_shell(tmp_path: Path) -> None:
    log = tmp_path / "a b;c"
    program = tmp_path / "light.py"
    program.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.argv[2] + ' ')\n")
    light = Light(f"{sys.executable} {program} '{log}'")
    light.switch(on=True)
    light.switch(on=False)
    assert log.read_text() == "on off "
    assert light


def test_without_a_program_there_is_no_light() -> None:
    light = Light("")
    light.switch(on=True)
    assert not light


def test_a_program_that_fails_is_named() -> None:
    with pytest.raises(ProgramFailed, match="false on ended with status 1"):
        Light("false").switch(on=True)
    with pytest.raises(ProgramFailed, match="light_command"):
        Light("/nonexistent/light").switch(on=False)
    with pytest.raises(InvalidValue, match="light_command"):
        Light("gpio 'x")

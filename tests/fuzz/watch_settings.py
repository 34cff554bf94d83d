"""Settings of a watch, damaged: keys with other values, and TOML that is none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random

from mnist_edge.errors import MnistEdgeError
from mnist_edge.monitoring.settings import MonitorSettings, demo_settings
from mnist_edge.monitoring.settings_file import load_settings, parse_settings
from mnist_edge.monitoring.settings_text import format_settings
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target, own_error

_KEY = re.compile(rb"(?m)^(?:# )?([a-z_]+) = .*$")
_TABLE = re.compile(rb"(?m)^# (\[.*)$")
_DIGITS = b"9" * 5000
_VALUES = (
    *(b"true", b"[]", b"{}", b"[[1]]", b"[0, 0, 0, 0]", b"[0.0, 0.0, 1e300, 1.0]", b"[1280, 720]"),
    *(b"0", b"-1", b"1e400", b"nan", b"inf", b"1e-320", b"9223372036854775807", _DIGITS),
    *(b"0x" + b"f" * 5000, b"1" + b"0" * 400, b"1979-05-27T07:32:00Z", b"[" * 300),
    *(b'""', b'"\\u0000"', b'"\\u001b[31m"', b'"' + b"x" * 5000 + b'"', b'"~nobody/x"'),
    *(b'"1e999999999"', b'"NaN"', b'"-5s"', b'"' + b"9" * 400 + b's"', b'"10s"', b'"5"'),
    *(b'"demo:"', b'"rtsp://"', b'"http://user:secret@[::1"', b'"/dev/zero"', b'"../../x"'),
)


@cache
def _content() -> bytes:
    """The settings that ``watch --init`` writes, with every key."""
    return format_settings(demo_settings(), folder=Path()).encode()


def _draw(random: Random) -> bytes:
    content = _content()
    if random.random() < 0.5:
        content = _TABLE.sub(lambda found: found[random.random() < 0.5], content)
    keys = random.sample([*_KEY.finditer(content)], random.choice((0, 1, 1, 1, 2, 5)))
    for found in sorted(keys, key=re.Match.start, reverse=True):
        line = found[1] + b" = " + random.choice(_VALUES)
        content = content[: found.start()] + line + content[found.end() :]
    return mutate(random, content, donors=_VALUES) if random.random() < 0.3 else content


def _check(content: bytes, folder: Path) -> str:
    path = folder / "watch.toml"
    path.write_bytes(content)
    try:
        settings = load_settings(path, MonitorSettings)
    except MnistEdgeError as error:
        return own_error(error)
    written = format_settings(settings, folder=folder).encode()
    assert len(written) < 100_000, "a number is written out"
    again = parse_settings(written, MonitorSettings, name="again", folder=folder)
    assert again == settings, "what is written is read as something else"
    return "read"


def _case(content: bytes, *, right: str = "InvalidValue") -> KnownCase:
    return KnownCase(content=lambda: content, expected=(right,))


TARGET = Target(
    name="watch_settings",
    draw=_draw,
    check=_check,
    count=200,
    known={
        "as they are written": KnownCase(content=_content, expected=("read",)),
        "empty": _case(b""),
        "not Unicode": _case(b"\xff\xfe"),
        "a number of 5,000 digits": _case(b"min_confidence = " + _DIGITS),
        "a number of 5,000 hexadecimal digits": _case(b"min_confidence = 0x" + b"f" * 5000),
        "nested without an end": _case(b"a = " + b"[" * 100_000),
        "a megabyte": _case(b"#" * 1_000_001),
    },
    megabytes=150,
)

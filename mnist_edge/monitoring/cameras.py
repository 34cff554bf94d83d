"""Open the camera of an address: the pictures of a program, of a folder, or drawn ones."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

from mnist_edge.errors import InvalidValue, MissingDependency
from mnist_edge.monitoring.camera_keeper import Camera
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.demo_camera import DemoCamera
from mnist_edge.monitoring.demo_counter import DIGITS
from mnist_edge.monitoring.program_camera import ProgramCamera
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import CameraSettings
from mnist_edge.system.text import hide_passwords

_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsp,rtsps,srtp,rtp,udp,tcp,tls,crypto",
    "http": "http,tcp",
    "https": "https,http,tls,crypto,tcp",
}
"""What ffmpeg may use for an address: a stream cannot lead it to files of this machine."""


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Return the camera of an address, not yet started.

    Raises:
        InvalidValue: it is not the address of a camera.
        PictureNotFound: the folder of ``demo:`` is not there, or has no pictures.
        MissingDependency: the program that the camera needs is not installed.
    """
    address = settings.address
    kind, colon, rest = address.partition(":")
    if kind == "demo" and colon:
        return DemoCamera(Path(rest) if rest else None, clock)
    if address == "rpicam":
        return ProgramCamera(_rpicam_command(settings), clock)
    if address.startswith("/dev/") or kind in _PROTOCOLS:
        return ProgramCamera(_ffmpeg_command(settings, kind), clock)
    raise InvalidValue(
        f"camera {hide_passwords(address)!r}: expected rpicam, a device such as /dev/video0, an "
        "rtsp:// or http:// address, demo: or demo:FOLDER"
    )


def picture_count(camera: Camera) -> int:
    """Return how many pictures show all that a camera has: one, or all of a demo."""
    return camera.length if isinstance(camera, DemoCamera) else 1


def go_on_after(camera: Camera, value: Decimal, rules: RuleSettings) -> None:
    """Let the drawn counter go on after the value that was read last, as one of iron does.

    Other cameras show what they show.

    Args:
        camera: not yet started.
        value: of a region.
        rules: of the same region.
    """
    if isinstance(camera, DemoCamera):
        camera.go_on_after(int(value.scaleb(rules.decimals)), rules.digits or DIGITS)


def _rpicam_command(settings: CameraSettings) -> list[str]:
    program = shutil.which("rpicam-vid") or shutil.which("libcamera-vid")
    if not program:
        raise MissingDependency(
            "the camera needs rpicam-vid, which is not installed: sudo apt install rpicam-apps"
        )
    words = [program, "--nopreview", "--timeout", "0", "--codec", "mjpeg", "--flush"]
    words += ["--framerate", f"{settings.frames_per_second:g}"]
    if settings.size:
        words += ["--width", str(settings.size[0]), "--height", str(settings.size[1])]
    return [*words, *settings.options, "--output", "-"]


def _ffmpeg_command(settings: CameraSettings, kind: str) -> list[str]:
    program = shutil.which("ffmpeg")
    if not program:
        raise MissingDependency(
            f"camera {hide_passwords(settings.address)} needs ffmpeg, which is not installed: sudo "
            "apt install ffmpeg"
        )
    words = [program, "-hide_banner", "-nostdin", "-loglevel", "error"]
    # Some streams claim a rate that they do not have.
    words += ["-use_wallclock_as_timestamps", "1"]
    if kind in _PROTOCOLS:
        words += ["-protocol_whitelist", _PROTOCOLS[kind]]
        if kind == "rtsp":
            words += ["-rtsp_transport", "tcp"]
    else:
        words += ["-f", "v4l2"]
        if settings.size:
            words += ["-video_size", f"{settings.size[0]}x{settings.size[1]}"]
    words += [*settings.options, "-i", settings.address, "-an", "-sn", "-dn"]
    # Frames are left out, and never repeated: a repeated one would look like a frozen camera.
    interval = 1 / settings.frames_per_second
    select = f"select=isnan(prev_selected_t)+gte(t-prev_selected_t\\,{interval:g})"
    words += ["-vf", select, "-fps_mode", "vfr"]
    return [*words, "-c:v", "mjpeg", "-q:v", "2", "-f", "image2pipe", "-"]

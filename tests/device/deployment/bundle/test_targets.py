from __future__ import annotations

from mnist_edge.deployment.bundle.targets import (
    LINUX_X86_64,
    PI_BOOKWORM_64,
)


def test_platform_tags_go_up_to_the_boards_glibc() -> None:
    assert PI_BOOKWORM_64.platforms[0] == "manylinux_2_36_aarch64"
    # The newest of tflite-runtime 2.14.0 and the oldest that there are.
    assert {"manylinux_2_34_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(
        PI_BOOKWORM_64.platforms
    )
    assert "manylinux_2_29_x86_64" not in LINUX_X86_64.platforms

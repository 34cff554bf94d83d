"""Build a model in C for emulated boards, and measure flash, memory, stack and instructions.

QEMU emulates the instructions and not their time: with ``-icount shift=0`` a virtual nanosecond is
an instruction, so what the boards' timers count is proportional to instructions. The factor is
measured: each board first counts a million of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.c.source import CSource

_HERE = Path(__file__).parent
_START = _HERE.parents[1] / "examples" / "microcontroller"
"""Start-up files and the linker's script, which an example shares."""
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that QEMU emulates."""

    name: str
    """QEMU's name of the machine."""
    title: str
    core: str
    compiler: str
    flags: tuple[str, ...]
    """The processor, for the compiler."""
    emulator: tuple[str, ...]
    """The program and the options of the machine."""
    flash: tuple[int, int]
    """Address and size in bytes, as the real board has it."""
    ram: tuple[int, int]
    start: str
    """The start-up file."""


def _cortex_m(
    name: str,
    title: str,
    core: str,
    *,
    flash: tuple[int, int] = (0, 4 << 20),
    ram: int = 4 << 20,
) -> Board:
    return Board(
        name=name,
        title=title,
        core=core,
        compiler="arm-none-eabi-gcc",
        flags=(f"-mcpu={core.lower()}", "-mthumb"),
        emulator=("qemu-system-arm", "-M", name),
        flash=flash,
        ram=(0x20000000, ram),
        start="cortex_m.c",
    )


BOARDS = (
    _cortex_m(
        "microbit", "BBC micro:bit", "Cortex-M0",
        flash=(0, 256 << 10), ram=16 << 10,
    ),
    _cortex_m("mps2-an385", "Arm MPS2, AN385", "Cortex-M3"),
    _cortex_m("mps2-an386", "Arm MPS2, AN386", "Cortex-M4"),
    _cortex_m("mps2-an500", "Arm MPS2, AN500", "Cortex-M7"),
    _cortex_m(
        "netduinoplus2", "Netduino Plus 2, STM32F405", "Cortex-M4",
        flash=(0x08000000, 1 << 20), ram=128 << 10,
    ),
    Board(
        name="riscv32", title="QEMU virt, rv32imc", core="rv32imc",
        compiler="riscv64-unknown-elf-gcc",
        flags=("-march=rv32imc_zicsr", "-mabi=ilp32"),
        emulator=("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
        flash=(0x80000000, 1 << 20), ram=(0x80100000, 64 << 10),
        start="riscv.c",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a model needs on a board."""

    flash: int
    """Bytes of code and constants of the network."""
    ram: int
    """Bytes of the workspace, with the input."""
    stack: int
    """Bytes of stack of a run, by painting."""
    instructions: int
    """Instructions of a run, as the emulator counts them."""
    wrong: int
    """Golden logits that differ."""
    read_status: int | None = None
    """What ``digit_read`` returned for a picture of a 1; None if it was left out."""
    read_digit: int | None = None
    read_stack: int | None = None
    read_instructions: int | None = None


def missing_tools(board: Board) -> list[str]:
    """Return the programs that a board needs and this machine does not have."""
    return [name for name in (board.compiler, board.emulator[0]) if shutil.which(name) is None]


def measure(
    board: Board, source: CSource, folder: Path, *, optimization: str, with_read: bool = False
) -> Measurement:
    """Compile a model for a board, run it on the emulator, and return what it needs.

    Args:
        board: one of ``BOARDS``.
        source: the generated model.
        folder: where to build.
        optimization: ``-Os`` or ``-O2``.
        with_read: also read a picture of 64x64, which needs 4,096 bytes for it.
    """
    for name, text in source.files.items():
        (folder / name).write_text(text, encoding="ascii")
    text = (_HERE / "measure.c").read_text(encoding="ascii").replace("MODEL", source.prefix)
    (folder / "measure.c").write_text(text, encoding="ascii")
    flags = [*board.flags, optimization, "-std=c99", "-ffreestanding", "-fno-builtin", "-Wall"]
    flags += ["-Werror", "-ffunction-sections", "-fdata-sections", f"-I{_START}"]
    flags += ["-DWITH_READ"] if with_read else []
    _run([board.compiler, *flags, "-c", f"{source.prefix}.c"], folder)
    memory = {"FLASH": board.flash, "RAM": board.ram}
    symbols = [
        f"-Wl,--defsym={name}={start:#x},--defsym={name}_SIZE={size:#x}"
        for name, (start, size) in memory.items()
    ]
    names = [f"{source.prefix}{suffix}.c" for suffix in ("_read", "_self_test")]
    words = [board.compiler, *flags, "-nostdlib", "-Wl,--gc-sections", *symbols]
    words += [f"-Wl,-T,{_START / 'memory.ld'}", str(_START / board.start), "measure.c", *names]
    _run([*words, f"{source.prefix}.o", "-lgcc", "-o", "measure.elf"], folder)
    output = _run(
        [*board.emulator, "-display", "none", "-serial", "none", "-monitor", "none",
         "-chardev", "stdio,id=out",
         "-semihosting-config", "enable=on,target=native,chardev=out",
         "-icount", "shift=0", "-kernel", "measure.elf"],
        folder,
    )  # fmt: skip
    found = {name: int(value) for name, value in re.findall(r"^(.+) (\d+)$", output, re.MULTILINE)}
    each = 1_000_000 / found["million"]
    return Measurement(
        flash=_flash_of_network(board, source, folder),
        ram=source.workspace,
        stack=found["stack"],
        instructions=round(found["count"] * each),
        wrong=found["wrong"],
        read_status=found.get("read status"),
        read_digit=found.get("read digit"),
        read_stack=found.get("read stack"),
        read_instructions=round(found["read count"] * each) if with_read else None,
    )


def _flash_of_network(board: Board, source: CSource, folder: Path) -> int:
    size = board.compiler.replace("gcc", "size")
    table = _run([size, f"{source.prefix}.o"], folder).splitlines()
    text, data, *_ = table[1].split()
    return int(text) + int(data)


def _run(words: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

"""A bundle: what goes into it for each board, and what its installer does there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_edge import bundling
from mnist_edge.artifacts import Artifact
from mnist_edge.bundling.targets import (
    LINUX_X86_64,
    PI_BOOKWORM_32,
    PI_BOOKWORM_64,
    PI_TRIXIE_64,
    SystemPackage,
    Target,
)
from mnist_edge.bundling.wheels import needed
from mnist_edge.errors import BundleFailed, ModelHashMismatch, UnknownName

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "mnist_edge" / "bundling" / "install.sh"
Run = Callable[..., CompletedProcess[str]]

HERE = dataclasses.replace(
    LINUX_X86_64,
    name="here",
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    machine=platform.machine(),
    kernels=(platform.machine(),),
    bits=8 * struct.calcsize("P"),
)
"""This very machine."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="installs on Linux")

PROGRAM = """
import os, sys
def main():
    words = sys.argv[1:]
    if words[:2] == ["model", "verify"]:
        assert "MNIST_EDGE_MODELS" in os.environ
        sys.exit({broken})
    if words[:2] == ["model", "install"]:
        with open(os.path.expanduser("~/models.txt"), "a") as stream:
            print(words[2], file=stream)
    elif words[0] == "predict":
        print(f"{{words[1]}}: 7 (version {version})")
    elif words[0] == "doctor":
        print("doctor was here")
"""
"""What stands for mnist-edge: it says its version."""

PIP = """
import subprocess, sys, sysconfig, zipfile
from pathlib import Path
for wheel in [word for word in sys.argv if word.startswith("wheels/")]:
    zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
    subprocess.run(["true"], check=True)
script = Path(sysconfig.get_path("scripts"), "mnist-edge")
script.write_text(f"#!{sys.executable}\\nfrom program import main\\nmain()\\n")
script.chmod(0o755)
"""
"""What stands for pip: it unpacks, with a step that can be stopped at after each wheel."""


def make_wheel(
    folder: Path,
    name: str,
    *,
    requires: Sequence[str] = (),
    files: dict[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """A wheel of a ``name-version`` with some files in it."""
    package, version = name.split("-")
    lines = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
    contents = {
        **(files or {}),
        f"{name}.dist-info/METADATA": "\n".join(
            [*lines, *(f"Requires-Dist: {one}" for one in requires), ""]
        ),
        f"{name}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{name}.dist-info/RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


def make_bundle(
    folder: Path,
    *,
    version: str = "1",
    broken: bool = False,
    target: Target = HERE,
    models: Sequence[Artifact] = (),
) -> Path:
    """A bundle of small wheels, unpacked."""
    program = PROGRAM.format(version=version, broken=int(broken))
    bundle = bundling.pack(
        folder / f"{version}.tar.gz",
        target,
        own=make_wheel(folder, f"mnist_edge-{version}", files={"program.py": program}),
        wheels=[make_wheel(folder, "other-1.0", files={"other.py": ""})],
        installer=make_wheel(folder, "pip-1.0", files={"pip/__main__.py": PIP}),
        models=models,
    )
    unpacked = folder / f"unpacked-{version}"
    with tarfile.open(bundle.path) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked / bundle.folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of whoever installs."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def install(bundle: Path, home: Path, **environment: str) -> CompletedProcess[str]:
    """Runs the installer as its user would, without a network as far as that can be arranged."""
    return subprocess.run(
        ["/bin/sh", str(bundle / "install.sh")],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        # Whatever it stops at is its own process group.
        start_new_session=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"], **environment},
    )


def releases(home: Path) -> list[Path]:
    return sorted((home / ".local/share/mnist-edge/releases").iterdir())


def printed_command(said: str) -> list[str]:
    """The first command that the installer says to type."""
    (line, *_) = (line for line in said.splitlines() if line.startswith("  "))
    return line.split()


def answer(home: Path) -> str:
    """What the launcher says, of whatever release."""
    ran = subprocess.run(
        [home / ".local/bin/mnist-edge", "predict", "x"],
        check=True,
        capture_output=True,
        text=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    return ran.stdout


# --- What each board gets


def project_needs(target: Target, folder: Path) -> dict[str, str]:
    """What this project requires on a target, by name."""
    wheel = make_wheel(folder, "mnist_edge-1", requires=metadata.requires("mnist-edge") or [])
    return {one.name: str(one.specifier) for one in needed(wheel, target)}


def test_each_board_gets_the_runtime_and_the_numpy_that_its_python_takes(tmp_path: Path) -> None:
    bookworm = project_needs(PI_BOOKWORM_64, tmp_path)
    assert set(bookworm) == {"numpy", "pillow", "typer", "tflite-runtime"}
    assert "<2" in bookworm["numpy"]
    trixie = project_needs(PI_TRIXIE_64, tmp_path)
    assert set(trixie) == {"numpy", "pillow", "typer", "ai-edge-litert"}
    assert "<2" not in trixie["numpy"]
    # numpy and Pillow have no wheels for it: they are the system's.
    assert set(project_needs(PI_BOOKWORM_32, tmp_path)) == {"typer", "tflite-runtime"}
    assert project_needs(LINUX_X86_64, tmp_path) == bookworm


def test_wheels_are_taken_up_to_the_boards_own_c_library() -> None:
    assert PI_BOOKWORM_64.platforms[0] == "manylinux_2_36_aarch64"
    # The newest of tflite-runtime 2.14.0 and the oldest that there are.
    assert {"manylinux_2_34_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(
        PI_BOOKWORM_64.platforms
    )
    assert "manylinux_2_29_x86_64" not in LINUX_X86_64.platforms


def test_an_unknown_board_is_wrong_usage(run: Run) -> None:
    ran = run("bundle", "--target", "pi-buster-64")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"mnist-edge: {UnknownName('target', 'pi-buster-64', bundling.TARGETS)}\n"
    help_text = run("bundle", "--help").stdout
    assert all(name in help_text for name in bundling.TARGETS)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip can download from."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_wheels_are_chosen_by_the_boards_markers_and_not_by_this_machines(
    index: Path, tmp_path: Path
) -> None:
    own = make_wheel(tmp_path, "own-1", requires=["outer>=1; sys_platform=='linux'", "numpy"])
    make_wheel(
        index,
        "outer-1",
        requires=[
            "inner[more]",
            "elsewhere; python_version < '3.12'",
            "inner<3; python_version == '3.13' and platform_machine == 'aarch64'",
        ],
    )
    for version in ("2", "3"):
        make_wheel(
            index, f"inner-{version}", requires=["further; extra == 'more'", "no; extra=='x'"]
        )
    make_wheel(index, "further-1", requires=["own", "outer<2", "numpy>1"])
    make_wheel(index, "numpy-2", tag="cp313-cp313-manylinux_2_41_aarch64")
    make_wheel(index, "numpy-3", tag="cp313-cp313-manylinux_2_42_aarch64")
    make_wheel(index, "own-1")
    found = bundling.fetch_wheels(own, PI_TRIXIE_64, tmp_path / "wheels")
    names = [wheel.name.rsplit("-py3", 1)[0] for wheel in found]
    assert names == [
        "further-1",
        "inner-2",
        "numpy-2-cp313-cp313-manylinux_2_41_aarch64.whl",
        "outer-1",
        "own-1",
    ]


def test_what_pip_cannot_have_is_said_in_one_line(index: Path, tmp_path: Path, run: Run) -> None:
    index.mkdir()
    own = make_wheel(tmp_path, "own-1", requires=["nowhere>=2"])
    with pytest.raises(BundleFailed, match=r"nowhere>=2; check that the network") as failed:
        bundling.fetch_wheels(own, PI_BOOKWORM_64, tmp_path / "wheels")
    assert "\n" not in str(failed.value)
    out = tmp_path / "bundle.tar.gz"
    ran = run("bundle", "--target", "pi-bookworm-64", "--out", out)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "mnist-edge: pip failed at building" in ran.stderr.splitlines()[-1]
    assert not out.exists()


# --- What is in it


def test_the_checksums_are_of_every_other_file(tmp_path: Path, nano: Path) -> None:
    model = bundling.find_model("nano")
    bundle = make_bundle(tmp_path, models=[model])
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    said = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {str(p.relative_to(bundle)): p for p in bundle.rglob("*") if p.is_file()}
    assert said == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name != "SHA256SUMS"
    }
    assert (bundle / "models/01/int8.tflite").read_bytes() == (nano / "int8.tflite").read_bytes()
    document = json.loads((bundle / "bundle.json").read_text())
    assert document["target"]["name"] == "here"
    assert document["wheels"] == {"mnist_edge": "1", "other": "1.0"}
    assert document["models"][0]["sha256"] == said["models/01/int8.tflite"]


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    packed = []
    for name in ("one", "other"):
        make_bundle(tmp_path / name)
        packed.append((tmp_path / name / "1.tar.gz").read_bytes())
        for wheel in (tmp_path / "one").glob("*.whl"):
            os.utime(wheel, (1_000_000_000, 1_000_000_000))
            wheel.chmod(0o600)
        if name == "one":
            shutil.copytree(tmp_path / "one", tmp_path / "kept")
    # The wheels of the two were written at different moments, which zip notes by two seconds.
    wheels = sorted((tmp_path / "kept").glob("*.whl"))
    again = bundling.pack(
        tmp_path / "again.tar.gz",
        HERE,
        own=wheels[0],
        wheels=[wheels[1]],
        installer=wheels[2],
        models=[],
    )
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["mnist_edge", "other", "pip"]
    assert again.path.read_bytes() == packed[0]
    with tarfile.open(again.path) as archive:
        members = archive.getmembers()
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members} == {
        (0, 0, "", "", 315_532_800)
    }
    assert [one.name for one in members if one.mode == 0o755] == ["mnist-edge-here/install.sh"]
    assert len({one.name.split("/")[0] for one in members}) == 1


def test_a_model_that_nothing_vouches_for_is_not_bundled(nano: Path, tmp_path: Path) -> None:
    shutil.copy(nano / "int8.json", tmp_path)
    (tmp_path / "int8.tflite").write_bytes(b"\0" * 4 + b"TFL3")
    with pytest.raises(ModelHashMismatch):
        bundling.find_model(str(tmp_path))


# --- What the installer does


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox sh"])
def test_every_shell_reads_the_installer(shell: str) -> None:
    program, *words = shell.split()
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    subprocess.run([program, *words, "-n", str(SCRIPT)], check=True)


@linux
def test_a_bundle_installs_offline_and_says_what_to_type(tmp_path: Path, home: Path) -> None:
    model = bundling.find_model("nano")
    ran = install(make_bundle(tmp_path, models=[model, model]), home)
    assert (ran.returncode, ran.stderr) == (0, "")
    command = printed_command(ran.stdout)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == f"{command[-1]}: 7 (version 1)\n"
    assert Path(command[-1]).read_bytes() == (ROOT / "mnist_edge/samples/digit.png").read_bytes()
    installed = (home / "models.txt").read_text().split()
    assert installed == ["models/01/int8.tflite", "models/02/int8.tflite"]


@linux
def test_installing_again_changes_the_version_and_nothing_else(tmp_path: Path, home: Path) -> None:
    first, second = make_bundle(tmp_path), make_bundle(tmp_path, version="2")
    assert install(first, home).returncode == 0
    assert install(first, home).returncode == 0
    assert answer(home) == "x: 7 (version 1)\n"
    assert install(second, home).returncode == 0
    assert answer(home) == "x: 7 (version 2)\n"
    # What was in use before is there for whatever still runs of it; older ones are not.
    assert len(releases(home)) == 2
    assert sorted(path.name for path in (home / ".local/share/mnist-edge").iterdir()) == [
        "current",
        "install.lock",
        "releases",
    ]


@linux
def test_a_first_directory_named_on_the_path_shortens_the_command(
    tmp_path: Path, home: Path
) -> None:
    path = f"{home}/.local/bin:{os.environ['PATH']}"
    ran = install(make_bundle(tmp_path), home, PATH=path)
    assert printed_command(ran.stdout)[:2] == ["mnist-edge", "predict"]


@linux
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(choice=st.data())
def test_a_changed_byte_anywhere_is_refused_before_anything_is_done(
    choice: st.DataObject, whole_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tampered")
    bundle, home = folder / "bundle", folder / "home"
    shutil.copytree(whole_bundle, bundle)
    home.mkdir()
    # What is changed in the installer itself is another program, which may do anything.
    files = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != "install.sh")
    path = choice.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    content[choice.draw(st.integers(0, len(content) - 1))] ^= choice.draw(st.integers(1, 255))
    path.write_bytes(content)
    ran = install(bundle, home)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "copy the archive again" in ran.stderr
    assert not list(home.iterdir())


@pytest.fixture(scope="module")
def whole_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that nobody changes."""
    return make_bundle(tmp_path_factory.mktemp("whole"))


@linux
@pytest.mark.parametrize("lost", ["SHA256SUMS", "target.sh", "wheels/other-1.0-py3-none-any.whl"])
def test_a_file_that_is_missing_is_refused(lost: str, tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / lost).unlink()
    ran = install(bundle, home)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith("mnist-edge: this bundle ")
    assert not list(home.iterdir())


@linux
def test_a_checksum_that_is_missing_is_refused(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    lines = (bundle / "SHA256SUMS").read_text().splitlines(keepends=True)
    (bundle / "SHA256SUMS").write_text("".join(line for line in lines if "other" not in line))
    ran = install(bundle, home)
    assert ran.returncode == 1
    assert "SHA256SUMS has not all of" in ran.stderr
    assert not list(home.iterdir())


@linux
def test_what_was_unpacked_there_before_is_not_installed(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    make_wheel(bundle / "wheels", "stranger-1", files={"stranger.py": ""})
    assert install(bundle, home).returncode == 0
    assert not list(home.rglob("stranger.py"))


@linux
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "3.99"}, "here is no Python 3.99: make one for this system"),
        ({"kernels": ("pdp11",)}, f"bits on {platform.machine()}: make one for this machine"),
        ({"bits": 16}, "make one for this machine"),
        (
            {"from_system": (SystemPackage(name="x", module="xyzzy", debian="python3-xyzzy"),)},
            "xyzzy is not here, and no wheel of it exists: sudo apt install python3-xyzzy",
        ),
    ],
    ids=["python", "kernel", "bits", "system packages"],
)
def test_another_machine_is_refused_with_what_to_do(
    changes: dict[str, object], said: str, tmp_path: Path, home: Path
) -> None:
    bundle = make_bundle(tmp_path, target=dataclasses.replace(HERE, **changes))  # type: ignore[arg-type]
    ran = install(bundle, home)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("mnist-edge: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not list(home.iterdir())


@linux
def test_what_the_system_has_is_seen_in_the_environment(tmp_path: Path, home: Path) -> None:
    package = SystemPackage(name="json", module="json", debian="python3")
    target = dataclasses.replace(HERE, from_system=(package,))
    assert install(make_bundle(tmp_path, target=target), home).returncode == 0
    (release,) = releases(home)
    assert "include-system-site-packages = true" in (release / "pyvenv.cfg").read_text()


@linux
def test_a_release_that_fails_its_self_test_is_not_switched_to(tmp_path: Path, home: Path) -> None:
    assert install(make_bundle(tmp_path), home).returncode == 0
    before = releases(home)
    ran = install(make_bundle(tmp_path, version="2", broken=True), home)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "doctor was here" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("mnist-edge: the self-test failed")
    assert answer(home) == "x: 7 (version 1)\n"
    assert releases(home) == before


@linux
def test_two_installations_do_not_meet(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    assert install(bundle, home).returncode == 0
    lock = home / ".local/share/mnist-edge/install.lock"
    flock = shutil.which("flock") or ""
    with subprocess.Popen([flock, lock, "cat"], stdin=subprocess.PIPE) as holder:
        while subprocess.run([flock, "--nonblock", lock, "true"], check=False).returncode == 0:
            pass
        ran = install(bundle, home)
        holder.communicate()
    assert ran.returncode == 1
    assert "another installation is running" in ran.stderr
    assert install(bundle, home).returncode == 0


@linux
def test_somebody_elses_program_is_not_overwritten(tmp_path: Path, home: Path) -> None:
    launcher = home / ".local/bin/mnist-edge"
    launcher.parent.mkdir(parents=True)
    launcher.write_text("pipx made this")
    ran = install(make_bundle(tmp_path), home)
    assert ran.returncode == 1
    assert "is another installation's; remove it" in ran.stderr
    assert launcher.read_text() == "pipx made this"
    assert not releases(home)


CHANGING = ("mkdir", "flock", "readlink", "rm", "mktemp", "cp", "sync", "ln", "mv", "true")
"""The commands that an installation is stopped at: all that change something, and some more."""


def make_steps(folder: Path, number: str) -> str:
    """A search path by which the installer is stopped at one of its commands.

    Args:
        folder: is made; a file in it counts.
        number: name of the signal that its process group gets.
    """
    folder.mkdir()
    (folder / "count").write_text("0")
    for name in (*CHANGING, f"python{HERE.python}"):
        real = sys.executable if name.startswith("python") else shutil.which(name)
        script = folder / name
        script.write_text(
            f"#!/bin/sh\nread -r count <{folder}/count\necho $((count + 1)) >{folder}/count\n"
            f'[ $((count + 1)) -ne "$STOP_AT" ] || kill -s {number} 0\nexec {real} "$@"\n'
        )
        script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@linux
@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_release_that_works(tmp_path: Path, home: Path) -> None:
    first, second = make_bundle(tmp_path), make_bundle(tmp_path, version="2")
    assert install(first, home).returncode == 0
    shutil.copytree(home, tmp_path / "kept", symlinks=True)
    found = []
    for step in range(1, 100):
        path = make_steps(tmp_path / f"steps-{step}", "KILL")
        ran = install(second, home, PATH=path, STOP_AT=str(step))
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL
        found.append(answer(home))
        # Whatever was left, the same once more succeeds, and leaves nothing of it.
        if step % 4 == 0:
            assert install(second, home).returncode == 0
            assert answer(home) == "x: 7 (version 2)\n"
            assert len(releases(home)) == 2
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "kept", home, symlinks=True)
    assert len(found) >= 12
    assert set(found) == {"x: 7 (version 1)\n", "x: 7 (version 2)\n"}
    # First the old one, then the new one: the switch is one step.
    assert found == sorted(found)


@linux
def test_an_installation_that_is_asked_to_end_tidies_up(tmp_path: Path, home: Path) -> None:
    first, second = make_bundle(tmp_path), make_bundle(tmp_path, version="2")
    assert install(first, home).returncode == 0
    before = releases(home)
    path = make_steps(tmp_path / "steps", "TERM")
    # At the first step after the release was made.
    (tmp_path / "steps" / "mktemp").unlink()
    for name in ("mkdir", "flock", "readlink", "rm", f"python{HERE.python}"):
        (tmp_path / "steps" / name).unlink()
    ran = install(second, home, PATH=path, STOP_AT="1")
    assert ran.returncode in {1, -signal.SIGTERM}
    assert releases(home) == before
    assert answer(home) == "x: 7 (version 1)\n"


@linux
@pytest.mark.parametrize("name", ["home", "R&D-100%|mine"])
def test_the_service_is_filled_in_and_systemd_takes_it(name: str, tmp_path: Path) -> None:
    home = tmp_path / name
    home.mkdir()
    assert install(make_bundle(tmp_path), home).returncode == 0
    unit = home / ".local/share/mnist-edge/current/mnist-edge-watch.service"
    text = unit.read_text()
    assert not re.search("@[A-Z]+@", text)
    # systemd takes a percent sign for the beginning of a name of its own.
    assert f'ReadWritePaths="{home}/digits"'.replace("%", "%%") in text
    (command,) = re.findall('^ExecStart="(.*?)" watch', text, re.MULTILINE)
    assert Path(command.replace("%%", "%")).is_file()
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("no systemd here to try it on")
    ran = subprocess.run([systemd, "verify", unit], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


# --- The real one


@linux
@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="is made for x86-64")
def test_a_real_bundle_installs_reads_and_survives_a_kill(
    tmp_path: Path, home: Path, run: Run
) -> None:
    out = tmp_path / "mnist-edge.tar.gz"
    made = run("bundle", "--target", "linux-x86_64", "--model", "nano", "--out", out)
    assert made.returncode == 0, made.stderr
    assert hashlib.sha256(out.read_bytes()).hexdigest() in made.stdout
    with tarfile.open(out) as archive:
        archive.extractall(tmp_path, filter="data")
    bundle = tmp_path / "mnist-edge-linux-x86_64"
    script = ["/bin/sh", str(bundle / "install.sh")]
    # Root may take the network away altogether; for others pip is told to leave it alone.
    alone = ["unshare", "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0:
        script = [*alone, *script]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def said(*words: str) -> str:
        ran = subprocess.run(
            words, check=False, capture_output=True, text=True, cwd="/", env=environment
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    command = printed_command(said(*script))
    assert said(*command).endswith(": 7 (100.0 %)\n")
    assert "* nano-int8-" in said(command[0], "model", "list")
    assert "self-test edge" in said(command[0], "doctor")
    assert printed_command(said(*script)) == command

    # Once pip is in the middle of numpy, and once everything is there but not switched to.
    current = home / ".local/share/mnist-edge/current"
    before = current.readlink()
    for landmark in ("numpy/core", "mnist_edge/models"):
        there = releases(home)
        with subprocess.Popen(
            script, cwd="/", env=environment, start_new_session=True, stdout=subprocess.PIPE
        ) as going:
            pattern = f"lib/python3.*/site-packages/{landmark}"
            while not [
                found
                for release in releases(home)
                if release not in there
                for found in release.glob(pattern)
            ]:
                assert going.poll() is None
            os.killpg(going.pid, signal.SIGKILL)
        assert current.readlink() == before
        assert said(*command).endswith(": 7 (100.0 %)\n")
    assert printed_command(said(*script)) == command
    assert len(releases(home)) == 2

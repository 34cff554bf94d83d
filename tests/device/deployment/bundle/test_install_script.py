"""The installer of a bundle: what it does, refuses, and leaves behind when stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_edge.deployment import bundle
from mnist_edge.deployment.bundle.targets import SystemPackage
from tests.support.bundles import (
    HERE,
    WITH_OUR_SETUPTOOLS,
    answer,
    install,
    make_bundle,
    make_wheel,
    printed_command,
    releases,
)
from tests.support.paths import ROOT
from tests.support.programs import Run
from tests.support.signing import Signer
from tests.support.waiting import eventually

SCRIPT = ROOT / "mnist_edge/deployment/bundle/install.sh"

signing = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="installs on Linux")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of the user."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox sh"])
def test_every_shell_parses_the_installer(shell: str) -> None:
    program, *words = shell.split()
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    subprocess.run([program, *words, "-n", str(SCRIPT)], check=True)


@linux
def test_the_installer_explains_itself_and_takes_no_arguments(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    for word in ("--help", "-h"):
        ran = install(bundle, home, words=(word,))
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("Usage: sh install.sh\n")
    ran = install(bundle, home, words=("/opt", "x"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "mnist-edge: install.sh takes no arguments, found: /opt x\n"
    assert not list(home.iterdir())


@linux
def test_a_bundle_installs_offline_and_says_what_to_type(tmp_path: Path, home: Path) -> None:
    model = bundle.find_model("nano")
    ran = install(make_bundle(tmp_path, models=[model, model]), home)
    assert (ran.returncode, ran.stderr) == (0, "")
    command = printed_command(ran.stdout)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == f"{command[-1]}: 7 (version 1)\n"
    assert Path(command[-1]).read_bytes() == (ROOT / "mnist_edge/samples/digit.png").read_bytes()
    installed = (home / "models.txt").read_text().split()
    assert installed == ["models/01/int8.tflite", "models/02/int8.tflite"]


@linux
@pytest.mark.slow
def test_installing_again_changes_the_version_and_nothing_else(tmp_path: Path, home: Path) -> None:
    first, second = make_bundle(tmp_path), make_bundle(tmp_path, version="2")
    assert install(first, home).returncode == 0
    assert install(first, home).returncode == 0
    assert answer(home) == "x: 7 (version 1)\n"
    assert install(second, home).returncode == 0
    assert answer(home) == "x: 7 (version 2)\n"
    # The previous release is kept for what still runs from it; older ones are removed.
    assert len(releases(home)) == 2
    assert sorted(path.name for path in (home / ".local/share/mnist-edge").iterdir()) == [
        "current",
        "install.lock",
        "releases",
    ]


@linux
def test_the_printed_command_is_short_where_the_launcher_is_on_the_path(
    tmp_path: Path, home: Path
) -> None:
    path = f"{home}/.local/bin:{os.environ['PATH']}"
    ran = install(make_bundle(tmp_path), home, PATH=path)
    assert printed_command(ran.stdout)[:2] == ["mnist-edge", "predict"]


@linux
@settings(max_examples=20)
@given(choice=st.data())
def test_a_changed_byte_anywhere_is_refused_before_anything_is_installed(
    choice: st.DataObject, whole_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tampered")
    bundle, home = folder / "bundle", folder / "home"
    shutil.copytree(whole_bundle, bundle)
    home.mkdir()
    # A changed installer is another program, which may do anything.
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
    """A bundle that no test changes."""
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
    assert "SHA256SUMS does not list all" in ran.stderr
    assert not list(home.iterdir())


@linux
def test_files_left_from_an_earlier_archive_are_not_installed(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    make_wheel(bundle / "wheels", "stranger-1", files={"stranger.py": ""})
    assert install(bundle, home).returncode == 0
    assert not list(home.rglob("stranger.py"))


@linux
def test_files_beside_the_bundles_own_are_not_imported(tmp_path: Path, home: Path) -> None:
    bundle = make_bundle(tmp_path)
    for name in ("platform", "struct", "venv", "json", "zipfile", "subprocess", "pip"):
        (bundle / f"{name}.py").write_text(f"open('{tmp_path}/imported', 'a').write('{name} ')")
    assert install(bundle, home).returncode == 0
    assert not (tmp_path / "imported").exists()


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The owner of a key."""
    return Signer(bytes(range(32)))


def trust(home: Path, *pems: str) -> Path:
    """Write the public keys that a user's models must be signed by."""
    keys = home / ".local/share/mnist-edge/models/trusted.pem"
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.write_text("".join(pems))
    return keys


@linux
@signing
@pytest.mark.slow
def test_a_bundle_signed_by_any_trusted_key_is_installed(
    tmp_path: Path, home: Path, signer: Signer
) -> None:
    trust(home, Signer(bytes(32)).pem, "a comment\n", signer.pem)
    ran = install(make_bundle(tmp_path, sign=signer.sign), home)
    assert (ran.returncode, ran.stderr) == (0, "")
    # Where there are no keys, a signature is not looked at.
    (home / ".local/share/mnist-edge/models/trusted.pem").unlink()
    other = make_bundle(tmp_path, version="2", sign=lambda sums: bytes(64))
    assert install(other, home).returncode == 0


@linux
@signing
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("unsigned", "this bundle is not signed, but"),
        ("another key", "not signed by any key in"),
        ("a changed wheel with its checksum", "not signed by any key in"),
        ("a changed signature", "not signed by any key in"),
        ("no key", "not signed by any key in"),
        ("a folder of keys", "cannot read the public keys in"),
        ("a dangling link", "cannot read the public keys in"),
        ("a missing folder", "does not exist, so it is unknown which keys"),
    ],
)
def test_a_device_with_keys_refuses_any_other_bundle(
    damage: str, said: str, tmp_path: Path, home: Path, signer: Signer
) -> None:
    owner = {"unsigned": None, "another key": Signer(bytes(32)).sign}.get(damage, signer.sign)
    bundle, keys = make_bundle(tmp_path, sign=owner), trust(home, signer.pem)
    variables = {}
    if damage == "a changed wheel with its checksum":
        wheel = next((bundle / "wheels").glob("other*"))
        before = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wheel.write_bytes(wheel.read_bytes() + b"!")
        sums = (bundle / "SHA256SUMS").read_text()
        after = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (bundle / "SHA256SUMS").write_text(sums.replace(before, after))
    elif damage == "a changed signature":
        signature = bytearray((bundle / "SHA256SUMS.sig").read_bytes())
        signature[40] ^= 1
        (bundle / "SHA256SUMS.sig").write_bytes(signature)
    elif damage == "no key":
        keys.write_text("nothing")
    elif damage in ("a folder of keys", "a dangling link"):
        keys.unlink()
        keys.mkdir() if damage == "a folder of keys" else keys.symlink_to("away.pem")
    elif damage == "a missing folder":
        variables = {"MNIST_EDGE_MODELS": str(tmp_path / "away")}
    ran = install(bundle, home, **variables)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (home / ".local/bin").exists()


@linux
def test_without_openssl_no_signature_counts_as_valid(
    tmp_path: Path, home: Path, signer: Signer
) -> None:
    trust(home, signer.pem)
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "dirname", "sed", "wc", "sha256sum", "awk", "mktemp", "rm", "id"):
        (folder / name).symlink_to(shutil.which(name) or "")
    ran = install(make_bundle(tmp_path, sign=signer.sign), home, PATH=str(folder))
    assert ran.returncode == 1
    assert "openssl, which checks signatures, is not installed" in ran.stderr


@linux
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "3.99"}, "Python 3.99 is not installed here; make a bundle for this system"),
        ({"kernels": ("pdp11",)}, f"bits on {platform.machine()}; make a bundle for this machine"),
        ({"bits": 16}, "make a bundle for this machine"),
        (
            {"from_system": (SystemPackage(name="x", module="xyzzy", debian="python3-xyzzy"),)},
            "Python's xyzzy is not installed, and PyPI has no wheel for it; "
            "install it with: sudo apt install python3-xyzzy",
        ),
    ],
    ids=["python", "kernel", "bits", "system packages"],
)
def test_a_bundle_for_another_machine_is_refused(
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
def test_system_packages_are_visible_in_the_environment(tmp_path: Path, home: Path) -> None:
    package = SystemPackage(name="json", module="json", debian="python3")
    target = dataclasses.replace(HERE, from_system=(package,))
    assert install(make_bundle(tmp_path, target=target), home).returncode == 0
    (release,) = releases(home)
    assert "include-system-site-packages = true" in (release / "pyvenv.cfg").read_text()


@linux
@pytest.mark.slow
def test_a_release_that_fails_its_self_test_is_not_used(tmp_path: Path, home: Path) -> None:
    assert install(make_bundle(tmp_path), home).returncode == 0
    before = releases(home)
    ran = install(make_bundle(tmp_path, version="2", broken=True), home)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "doctor was here" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("mnist-edge: the self-test failed")
    assert answer(home) == "x: 7 (version 1)\n"
    assert releases(home) == before


@linux
@pytest.mark.slow
def test_concurrent_installations_exclude_each_other(tmp_path: Path, home: Path) -> None:
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
def test_an_unrelated_program_of_the_same_name_is_not_overwritten(
    tmp_path: Path, home: Path
) -> None:
    launcher = home / ".local/bin/mnist-edge"
    launcher.parent.mkdir(parents=True)
    launcher.write_text("pipx made this")
    ran = install(make_bundle(tmp_path), home)
    assert ran.returncode == 1
    assert "belongs to another installation; remove it" in ran.stderr
    assert launcher.read_text() == "pipx made this"
    assert not releases(home)


CHANGING = (
    *("mkdir", "flock", "readlink", "rm", "mktemp", "cp", "sync", "ln", "mv", "true"),
    f"python{HERE.python}",
)
"""The commands before which an installation is stopped."""


def make_steps(folder: Path, number: str, *, commands: Sequence[str] = CHANGING) -> str:
    """A search path by which the installer is stopped at one of its commands.

    Args:
        folder: is made; a file in it counts.
        number: name of the signal that its process group gets.
        commands: those before which it may be stopped.
    """
    folder.mkdir()
    (folder / "count").write_text("0")
    for name in commands:
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
        # A second attempt succeeds and removes whatever was left behind.
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
def test_a_terminated_installation_cleans_up(tmp_path: Path, home: Path) -> None:
    first, second = make_bundle(tmp_path), make_bundle(tmp_path, version="2")
    assert install(first, home).returncode == 0
    before = releases(home)
    # At the first step after the release was made.
    path = make_steps(tmp_path / "steps", "TERM", commands=["cp", "sync", "ln", "mv", "true"])
    ran = install(second, home, PATH=path, STOP_AT="1")
    assert ran.returncode in {1, -signal.SIGTERM}
    assert releases(home) == before
    assert answer(home) == "x: 7 (version 1)\n"


@linux
@pytest.mark.parametrize("name", ["home", "R&D-100%|mine"])
def test_systemd_accepts_the_service_files(name: str, tmp_path: Path) -> None:
    home = tmp_path / name
    home.mkdir()
    ran = install(make_bundle(tmp_path, services=["watch", "camera", "serve"]), home)
    assert ran.returncode == 0
    units = sorted((home / ".local/share/mnist-edge/current").glob("*.service"))
    names = ["mnist-edge-camera", "mnist-edge-serve", "mnist-edge-watch"]
    assert [unit.stem for unit in units] == names
    for unit in units:
        text = unit.read_text()
        assert not re.search("@[A-Z]+@", text)
        # systemd takes a percent sign for the beginning of a name of its own.
        assert f'ReadWritePaths="{home}/digits"'.replace("%", "%%") in text
        (command,) = re.findall('^ExecStart="(.*?)" (?:watch|serve)', text, re.MULTILINE)
        assert Path(command.replace("%%", "%")).is_file()
        assert f"enable --now {unit.stem}\n" in ran.stdout
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("no systemd here to try it on")
    ran = subprocess.run([systemd, "verify", *units], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    # Exposure in tenths: 10.0 is without any protection, and most services have 9.
    words = [systemd, "security", "--offline=true", "--threshold=30", *map(str, units)]
    ran = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@linux
def test_a_service_that_was_not_asked_for_is_not_installed(tmp_path: Path, home: Path) -> None:
    ran = install(make_bundle(tmp_path), home)
    units = list((home / ".local/share/mnist-edge/current").glob("*.service"))
    assert [unit.stem for unit in units] == ["mnist-edge-watch"]
    assert "serve" not in ran.stdout


@linux
@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="is made for x86-64")
def test_a_real_bundle_installs_reads_and_survives_a_kill(
    tmp_path: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WITH_OUR_SETUPTOOLS.items():
        monkeypatch.setenv(name, value)
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

    # While pip unpacks numpy; what follows any other step is tested above, with small wheels.
    current = home / ".local/share/mnist-edge/current"
    before = current.readlink()
    there = releases(home)

    def is_in_the_middle() -> bool:
        new = (release for release in releases(home) if release not in there)
        return any(any(one.glob("lib/python3.*/site-packages/numpy/core")) for one in new)

    with subprocess.Popen(
        script, cwd="/", env=environment, start_new_session=True, stdout=subprocess.PIPE
    ) as going:
        eventually(is_in_the_middle)
        os.killpg(going.pid, signal.SIGKILL)
    assert current.readlink() == before
    assert said(*command).endswith(": 7 (100.0 %)\n")
    assert printed_command(said(*script)) == command
    assert len(releases(home)) == 2

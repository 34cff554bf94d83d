from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mnist_edge.deployment import bundle
from mnist_edge.deployment.ed25519 import is_valid_signature
from mnist_edge.errors import InvalidModel, ModelHashMismatch
from tests.support.bundles import HERE, make_bundle, make_wheel
from tests.support.signing import Signer


def test_the_checksums_cover_every_other_file(tmp_path: Path, nano: Path) -> None:
    model = bundle.find_model("nano")
    unpacked = make_bundle(tmp_path, models=[model])
    lines = (unpacked / "SHA256SUMS").read_text().splitlines()
    said = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {str(p.relative_to(unpacked)): p for p in unpacked.rglob("*") if p.is_file()}
    assert said == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name != "SHA256SUMS"
    }
    assert (unpacked / "models/01/int8.tflite").read_bytes() == (nano / "int8.tflite").read_bytes()
    document = json.loads((unpacked / "bundle.json").read_text())
    assert document["target"]["name"] == "here"
    assert document["wheels"] == {"mnist_edge": "1", "other": "1.0"}
    assert document["models"][0]["sha256"] == said["models/01/int8.tflite"]


def test_an_archive_is_reproducible(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    wheels = sorted((tmp_path / "other").glob("*.whl"))
    for wheel in wheels:
        os.utime(wheel, (1_000_000_000, 1_000_000_000))
        wheel.chmod(0o600)
    own, other, installer = wheels
    again = bundle.write_bundle(
        tmp_path / "again.tar.gz", HERE, own=own, wheels=[other], installer=installer, models=[]
    )
    assert again.path.read_bytes() == (tmp_path / "one" / "1.tar.gz").read_bytes()
    with tarfile.open(again.path) as archive:
        members = archive.getmembers()
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members} == {
        (0, 0, "", "", 315_532_800)
    }
    assert [one.name for one in members if one.mode == 0o755] == ["mnist-edge-here/install.sh"]
    assert len({one.name.split("/")[0] for one in members}) == 1


def test_a_model_whose_hash_differs_is_not_bundled(nano: Path, tmp_path: Path) -> None:
    shutil.copy(nano / "int8.json", tmp_path)
    (tmp_path / "int8.tflite").write_bytes(b"\0" * 4 + b"TFL3")
    with pytest.raises(ModelHashMismatch):
        bundle.find_model(str(tmp_path))


def test_a_damaged_model_is_not_bundled_whatever_its_manifest_says(
    nano: Path, tmp_path: Path
) -> None:
    content = (nano / "int8.tflite").read_bytes()[:9000]
    manifest = json.loads((nano / "int8.json").read_bytes())
    forged = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (tmp_path / "int8.tflite").write_bytes(content)
    (tmp_path / "int8.json").write_text(json.dumps({**manifest, **forged}), encoding="utf-8")
    with pytest.raises(InvalidModel, match=r"int8.tflite: the model is damaged"):
        bundle.find_model(str(tmp_path))


def install_by_lock(folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Has pip install what a bundle's lock names, from the bundle alone."""
    words = ["install", "--no-index", "--no-cache-dir", "--find-links", "wheels"]
    words += ["--require-hashes", "--requirement", "device.lock", "--target", str(target)]
    return subprocess.run(
        [sys.executable, "-m", "pip", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )


@pytest.mark.slow
def test_pip_is_held_to_the_wheels_of_the_lock(tmp_path: Path) -> None:
    unpacked = make_bundle(tmp_path)
    ran = install_by_lock(unpacked, tmp_path / "sound")
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in (tmp_path / "sound").glob("*.py")} == {"program.py", "other.py"}
    # The same name and version, and another program.
    make_wheel(unpacked / "wheels", "other-1.0", files={"other.py": "print('another')"})
    ran = install_by_lock(unpacked, tmp_path / "changed")
    assert ran.returncode == 1
    assert "DO NOT MATCH THE HASHES" in ran.stderr
    assert not (tmp_path / "changed").exists()


def test_the_signature_is_of_the_checksums(tmp_path: Path) -> None:
    signer = Signer(bytes(32))
    unpacked = make_bundle(tmp_path, sign=signer.sign)
    signature = (unpacked / "SHA256SUMS.sig").read_bytes()
    sums = (unpacked / "SHA256SUMS").read_bytes()
    assert is_valid_signature(sums, signature=signature, key=signer.key)
    assert b"SHA256SUMS" not in sums

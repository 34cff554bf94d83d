"""A working model is in use wherever an installation, a selection or a rollback is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COUNTED = """
import json, os, shutil, signal, sys
from mnist_edge.deployment import install
from mnist_edge.modelstore import loading

store, action, argument = sys.argv[1:]
steps, stop = [], None

def reached(*what):
    # Called before each step: as much is done as the steps before it did.
    steps.append(what)
    if len(steps) == stop:
        os.kill(os.getpid(), signal.SIGKILL)

def hook(event, arguments):
    if event.startswith(("open", "os.", "shutil.", "tempfile.")):
        names = [os.fsdecode(a) for a in arguments if isinstance(a, (str, bytes, os.PathLike))]
        if any(name.startswith(store) for name in names):
            reached(event, *names)

def counted_sync(descriptor, sync=os.fsync):
    reached("sync", os.readlink(f"/proc/self/fd/{descriptor}"))
    sync(descriptor)

os.fsync = counted_sync
sys.addaudithook(hook)

# The checks take a second, write nothing into the store, and have tests of their own.
install.accept_model = lambda artifact, keys: (artifact.to_stored_model(), [])

def act():
    if action == "rollback":
        install.rollback()
    else:
        getattr(install, action)(argument)
"""
"""Records each step that touches the store, and can be killed at one: audit events and fsync."""

KILLED_AT_EACH_STEP = f"""{COUNTED}
def killed(at):
    global stop
    child = os.fork()
    if not child:
        try:
            steps.clear()
            stop = at
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status == signal.SIGKILL

def in_use():
    # As predict does it: the record, then the model's bytes against its manifest.
    found = loading.load_model()
    assert found.manifest is not None
    return found.path.parent.name

def restore():
    shutil.rmtree(store, ignore_errors=True)
    if os.path.isdir(kept):
        shutil.copytree(kept, store)

kept = f"{{store}}.kept"
if os.path.isdir(store):
    shutil.copytree(store, kept)
before, found, then = in_use(), [], []
while killed(len(found) + 1):
    found.append(in_use())
    if in_use() == before:
        # Whatever was left behind, a second attempt succeeds.
        assert not killed(None)
    then.append(in_use())
    restore()
print(json.dumps({{"before": before, "found": found, "then": then, "after": in_use()}}))
"""

TRACED = f"{COUNTED}act()\nprint(json.dumps(steps))"


def ran(program: str, store: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(store), *map(str, words)],
        check=True,
        capture_output=True,
        text=True,
        env=environment(store),
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The user's own model store, which does not exist yet."""
    return tmp_path / "data" / "mnist-edge" / "models"


def environment(store: Path) -> dict[str, str]:
    """Return the environment of a user with this model store."""
    return {**os.environ, "MNIST_EDGE_MODELS": "", "XDG_DATA_HOME": str(store.parents[1])}


@pytest.fixture
def update(nano: Path, tmp_path: Path) -> Path:
    """The shipped int8 file with a manifest of its own and an invalid signature."""
    (tmp_path / "update").mkdir()
    shutil.copy(nano / "int8.tflite", tmp_path / "update")
    document = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    path = tmp_path / "update" / "int8.json"
    path.write_text(json.dumps({**document, "recipe": "second"}), encoding="utf-8")
    path.with_suffix(".json.sig").write_bytes(bytes(64))
    return path.with_suffix(".tflite")


def install(source: Path, store: Path) -> None:
    words = [sys.executable, "-m", "mnist_edge", "model", "install", str(source)]
    subprocess.run(words, check=True, capture_output=True, env=environment(store))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="forks, and looks into /proc")
@pytest.mark.parametrize(
    ("action", "installed"),
    [("install", False), ("install", True), ("use", True), ("rollback", True)],
)
def test_a_kill_at_any_step_leaves_a_working_model(
    action: str, installed: bool, store: Path, update: Path, nano: Path
) -> None:
    if installed:
        install(nano / "int8.tflite", store)
    argument = str(update) if action == "install" else "nano"
    said = ran(KILLED_AT_EACH_STEP, store, action, argument)
    document = json.loads(said.stdout)
    before, after, found = document["before"], document["after"], document["found"]
    assert before != after
    # First the old one, then the new one: the switch is one step.
    assert found == sorted(found, key=[before, after].index)
    assert len(found) >= (20 if action == "install" else 5)
    assert set(document["then"]) == {after}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_every_byte_of_a_model_is_on_the_disk_before_it_is_in_use(
    store: Path, update: Path
) -> None:
    said = ran(TRACED, store, "install", update)
    steps = [(kind, [Path(name) for name in names]) for kind, *names in json.loads(said.stdout)]
    renames = [index for index, (kind, _) in enumerate(steps) if kind == "os.rename"]
    (switch,) = (i for i in renames if steps[i][1][1].name == "in-use.json")
    (placed,) = (i for i in renames if steps[i][1][0].name.startswith(".incoming-"))
    synced = {index: names[0] for index, (kind, names) in enumerate(steps) if kind == "sync"}
    # Three files, then their folder, take their name; the name is kept; then comes the record.
    assert renames[-1] == switch > placed
    assert len([name for index, name in synced.items() if index < placed]) == 4
    assert [name for index, name in synced.items() if index == placed - 1] == [steps[placed][1][0]]
    assert store in [name for index, name in synced.items() if placed < index < switch]
    assert synced[len(steps) - 1] == store

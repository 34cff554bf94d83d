"""Makes ``converters/targets.json``: the newest version of each operator that a runtime knows.

    python tests/data/make_targets.py PYTHON...

Each PYTHON is that of an environment with one TFLite runtime, numpy and flatbuffers. A model of
one operator code and no operators is offered to the runtime for every code and version: its
table of operators, and nothing else, decides whether it loads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TARGETS = Path(__file__).parents[2] / "converters" / "targets.json"

PROBE = """
import json
from importlib import import_module, metadata

import flatbuffers

package, module = next(
    (package, module)
    for package, module in (
        ("tflite-runtime", "tflite_runtime.interpreter"),
        ("ai-edge-litert", "ai_edge_litert.interpreter"),
    )
    if package in {d.metadata["Name"].lower().replace("_", "-") for d in metadata.distributions()}
)
Interpreter = import_module(module).Interpreter
CODES, VERSIONS = 256, 32


def model(code, version):
    b = flatbuffers.Builder(256)

    def vector(*items):
        b.StartVector(4, len(items), 4)
        for item in items:
            b.PrependUOffsetTRelative(item)
        return b.EndVector()

    def table(size, *slots):
        b.StartObject(size)
        for prepend, slot, value in slots:
            prepend(slot, value, 0)
        return b.EndObject()

    # OperatorCode, SubGraph, Buffer and Model of tensorflow/lite/schema/schema.fbs.
    operator = table(
        4,
        (b.PrependInt8Slot, 0, min(code, 127)),
        (b.PrependInt32Slot, 2, version),
        (b.PrependInt32Slot, 3, code),
    )
    empty = [vector() for _ in range(4)]
    graph = table(5, *((b.PrependUOffsetTRelativeSlot, slot, v) for slot, v in enumerate(empty)))
    codes, graphs, buffers = vector(operator), vector(graph), vector(table(1))
    root = table(
        8,
        (b.PrependUint32Slot, 0, 3),
        (b.PrependUOffsetTRelativeSlot, 1, codes),
        (b.PrependUOffsetTRelativeSlot, 2, graphs),
        (b.PrependUOffsetTRelativeSlot, 4, buffers),
    )
    b.Finish(root, b"TFL3")
    return bytes(b.Output())


def loads(code, version):
    try:
        Interpreter(model_content=model(code, version))
    except (ValueError, RuntimeError):
        return False
    return True


known = {code: [v for v in range(1, VERSIONS) if loads(code, v)] for code in range(CODES)}
newest = {code: max(versions) for code, versions in known.items() if versions}
print(json.dumps([f"{package}=={metadata.version(package)}", newest]))
"""


def main() -> None:
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    names = {v: name for name, v in vars(BuiltinOperator).items() if isinstance(v, int)}
    targets = {}
    for python in sys.argv[1:]:
        outcome = subprocess.run(
            [python, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
        target, newest = json.loads(outcome.stdout)
        targets[target] = {names[int(code)]: version for code, version in newest.items()}
        print(target, len(newest), "operators", file=sys.stderr)  # noqa: T201  # a script's report
    lines = (f"  {json.dumps(name)}: {json.dumps(known)}" for name, known in targets.items())
    TARGETS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

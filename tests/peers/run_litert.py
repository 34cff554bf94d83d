"""Runs models over digits on ai-edge-litert, through this project's own interpreter.

``python run_litert.py PIXELS.npy FOLDER MODEL...`` leaves ``FOLDER/<stem>.npy`` of ``(n, 10)``
logits for each model and prints the runtime.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mnist_edge.runtimes.sandbox import run_sandboxed

pixels, folder = np.load(sys.argv[1]), Path(sys.argv[2])
for model in map(Path, sys.argv[3:]):
    trial = run_sandboxed(model.read_bytes(), pixels, name=str(model))
    np.save(folder / f"{model.stem}.npy", trial.logits)
    sys.stdout.write(f"{trial.runtime}\n")

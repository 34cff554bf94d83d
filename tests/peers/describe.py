"""Reads a model's metadata with MediaPipe's own displayer.

``python describe.py MODEL`` prints JSON: the metadata under ``metadata``, and under ``files``
the text of each associated file.
"""

from __future__ import annotations

import json
import sys
from unittest.mock import MagicMock

# MediaPipe's wheel lacks a native module that its module of readers and writers imports. The
# writer alone calls it.
sys.modules["mediapipe.tasks.cc"] = MagicMock()
sys.modules["mediapipe.tasks.cc.metadata.python"] = MagicMock()

from mediapipe.tasks.python.metadata.metadata import MetadataDisplayer  # noqa: E402  # after the stand-in

displayer = MetadataDisplayer.with_model_file(sys.argv[1])
names = displayer.get_packed_associated_file_list()
json.dump(
    {
        "metadata": json.loads(displayer.get_metadata_json()),
        "files": {name: displayer.get_associated_file_buffer(name).decode() for name in names},
    },
    sys.stdout,
)

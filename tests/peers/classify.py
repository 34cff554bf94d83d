"""Classifies pictures with MediaPipe, which has nothing to go by but the model file.

``python classify.py MODEL PICTURE...`` prints a JSON list: for each picture the label of every
output, the likeliest first.
"""

from __future__ import annotations

import json
import sys

import mediapipe
from mediapipe.tasks.python import vision

with vision.ImageClassifier.create_from_model_path(sys.argv[1]) as classifier:
    results = [
        classifier.classify(mediapipe.Image.create_from_file(picture)) for picture in sys.argv[2:]
    ]
json.dump(
    [[one.category_name for one in result.classifications[0].categories] for result in results],
    sys.stdout,
)

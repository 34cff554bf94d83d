"""The shipped models: a folder each, with a ``.tflite`` and its manifest for every scheme."""

"""The shipped models: one folder each, a ``.tflite`` and its manifest for every scheme."""

"""Run a model on tflite-runtime, ai-edge-litert or numpy."""

"""Choose a runtime, and run TFLite models on it."""

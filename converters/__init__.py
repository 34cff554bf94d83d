"""From a Keras file to verified TFLite: TensorFlow is imported inside functions alone."""

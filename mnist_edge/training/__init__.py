"""Training on a workstation: TensorFlow and Keras are imported inside functions alone."""

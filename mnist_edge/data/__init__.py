"""MNIST: fetch, verify and split it, and corrupt it on purpose."""

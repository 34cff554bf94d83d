"""MNIST: fetch, verify, split, and corrupt on purpose."""

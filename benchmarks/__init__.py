"""Benchmarks of this project: accuracy, speed, and peers."""

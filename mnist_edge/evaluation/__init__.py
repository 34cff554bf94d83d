"""Measure models: accuracy drop, speed, and the reproduced tutorials."""

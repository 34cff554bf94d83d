"""Normalize a photo, scan or drawing to MNIST's 28x28 format."""

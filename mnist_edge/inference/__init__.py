"""Classify one picture, a page, or a million."""

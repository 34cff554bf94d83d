"""Describe the machine that models run on, and check that it works."""

"""Describe the machine and check that it is sound."""

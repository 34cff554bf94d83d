"""Standalone C from an int8 model: no interpreter, no library, no allocation, no floats."""

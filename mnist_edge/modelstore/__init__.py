"""Models on disk: manifests, loading, and which one is in use."""

from __future__ import annotations

DEFAULT_MODEL = "edge"
"""The shipped model that is in use by default."""
SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
"""Every scheme a model folder may hold, the reference first."""

"""Packages that hide the installed ones from child processes."""

from __future__ import annotations

CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
"""The source of a module that ends its process, as code for another processor does."""

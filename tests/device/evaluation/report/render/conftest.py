from __future__ import annotations

import pytest

from tests.support.reports import Document, a_report


@pytest.fixture
def document() -> Document:
    """A report of invented figures, as JSON has it, to be changed by a test."""
    return a_report()

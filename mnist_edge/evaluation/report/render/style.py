"""The style sheets of the page and of the summary drawing, light and dark.

The colors of the two schemes are those of M. Okabe and K. Ito, Color Universal Design, 2008,
https://jfly.uni-koeln.de/color/, darker on white and lighter on black, so that letters and lines
keep a contrast of at least 3 (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

from importlib import resources


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


COLORS = _read("colors.css")
"""The colors by name, light and dark."""
PAGE_STYLE = f"{COLORS}\n{_read('style.css')}"
"""The style sheet of the HTML page, on screen and on paper."""
SUMMARY_STYLE = f"{COLORS}\n{_read('summary.css')}"
"""The style sheet of the summary drawing."""

"""The pages of the accuracy-drop report: its JSON document as HTML and as Markdown.

Both are drawn from the document alone, so that a report that was saved can be drawn again.
"""

from __future__ import annotations

from mnist_edge.evaluation.report.render.diff import to_comparison_html, to_comparison_markdown
from mnist_edge.evaluation.report.render.html import to_html
from mnist_edge.evaluation.report.render.markdown import to_markdown
from mnist_edge.evaluation.report.render.summary_svg import to_picture

__all__ = ["to_comparison_html", "to_comparison_markdown", "to_html", "to_markdown", "to_picture"]

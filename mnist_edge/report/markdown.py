"""A report's document as a page that reads well in a repository."""

from __future__ import annotations

from typing import Any

from mnist_edge.report.tables import HEADER, markdown_table, rows


def to_markdown(document: dict[str, Any]) -> str:
    """The page.

    Args:
        document: of a report, as ``report.json`` holds it.
    """
    data, times = document["data"], document["times"]
    lines = [
        f"# Accuracy drop of `{document['model']}`",
        "",
        document["verdict"],
        "",
        markdown_table(HEADER, rows(document)),
        "",
        f"{data['name']}, {data['pictures']:,} pictures, every scheme over the same ones in the "
        f"same order. Drop: accuracy lost against {document['reference']}, in percentage points; "
        "agreement: share of pictures with the same answer, right or wrong. "
        f"{document['runtime']}, one thread, on {times['machine']}.",
        "",
    ]
    return "\n".join(lines)

"""Bring the repository's files that the pages link to into the site (a hook of mkdocs).

A page in ``docs/`` links to files elsewhere in the repository by relative paths, which work in a
clone and on a code host. The site holds copies of those that are pages or pictures, below
``repository/``; a link to any other file is shown as the file's path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
COPIES = "repository/"
SHOWN = {".md", ".png", ".svg"}

_LINK = re.compile(
    r"(?<!`)\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:|mailto:|#)[^)#\s]+)(?P<anchor>#[^)]*)?\)"
)


def on_files(files: Any, config: Any) -> Any:
    """Add every page and picture outside ``docs/`` that a page leads to."""
    waiting = [page.src_uri for page in files.documentation_pages()] + [
        COPIES + name for name in ("models/README.md",)
    ]
    while waiting:
        uri = waiting.pop()
        path = _path(uri)
        if uri.startswith(COPIES) and files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, content=path.read_bytes()))
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            waiting += [
                copy
                for link in _LINK.finditer(text)
                if (copy := _uri(path, link["target"])).startswith(COPIES)
                and Path(copy).suffix in SHOWN
                and files.get_file_from_path(copy) is None
                and _path(copy).is_file()
            ]
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead the links of a page to the copies."""
    here = page.file.src_uri

    def lead(link: re.Match[str]) -> str:
        target = _uri(_path(here), link["target"])
        if files.get_file_from_path(target) is None and (_path(target)).exists():
            return f"{link['text']} (`{target.removeprefix(COPIES)}`)"
        relative = posixpath.relpath(target, posixpath.dirname(here))
        return f"[{link['text']}]({relative}{link['anchor'] or ''})"

    return _LINK.sub(lead, markdown)


def _path(uri: str) -> Path:
    """Return the file that a page or picture of the site is made of."""
    return ROOT / uri.removeprefix(COPIES) if uri.startswith(COPIES) else ROOT / "docs" / uri


def _uri(path: Path, target: str) -> str:
    """Return where in the site the target of a link stands."""
    relative = posixpath.normpath(posixpath.join(path.parent.relative_to(ROOT).as_posix(), target))
    docs = "docs/"
    return relative.removeprefix(docs) if relative.startswith(docs) else COPIES + relative

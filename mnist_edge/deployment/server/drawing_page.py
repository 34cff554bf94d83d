"""The pages: each one file, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources


def load_page(name: str = "page.html") -> tuple[str, str]:
    """Return a page, and the policy that lets its own script and style run and nothing else.

    Args:
        name: of its file; by default the page to draw on.
    """
    page = (resources.files(__package__) / name).read_text(encoding="utf-8")
    sources = {
        tag: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
            for code in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        )
        for tag in ("script", "style")
    }
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; "
        "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.inference.path_set import PathSet

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@given(paths=st.lists(NAMES, max_size=60), others=st.lists(NAMES, max_size=20))
def test_a_path_set_behaves_like_a_set(paths: list[str], others: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_edge.inference.path_set._MAX_RECENT", 7)
        kept = PathSet()
        for path in paths:
            kept.add(path)
    assert len(kept) == len(set(paths))
    assert all((path in kept) == (path in set(paths)) for path in [*paths, *others])

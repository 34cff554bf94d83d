"""Find the strokes of handwriting among a picture's ink: no ruled lines, borders or specks."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.binarization import TIGHT_SIDE, InkMap
from mnist_edge.preprocessing.cell_borders import encloses, remove_border
from mnist_edge.preprocessing.connected_components import (
    Component,
    dilate,
    label_components,
    member_mask,
    merge,
)
from mnist_edge.preprocessing.remnants import BORDER_BLUR, is_border_alone, without_remnants
from mnist_edge.preprocessing.ruled_lines import may_be_ruled_lines, remove_ruled_lines

_EDGE_ZONE = 0.13
"""Width of the zone along the edges, relative to a side."""
_MIN_OUTSIDE = 0.7
"""Minimum share of a component's ink in that zone if the component is not part of the digit."""
_MAX_ROUNDS = 4
"""Rounds of the search: border, neighbor and table may hide the handwriting one by one."""
_MARGIN = 3
"""Pixels around an excluded component that its blurred edge covers."""
_MIN_CLEAR_SIZE = 0.3
"""Minimum height or width, relative to a side, of a digit that is clear of a tight crop's edges."""
_MIN_CLEAR_AREA = 0.3
"""Minimum area of that digit, relative to the largest component's."""
_MIN_SPECK_SIZE = 0.06
"""Height or width, relative to the largest component's, below which a component is a speck."""
_MIN_SPECK_AREA = 0.01
"""Area, relative to the largest component's, below which a component is a speck."""


Removal: TypeAlias = Literal["borders", "ruled-lines", "outside"]
"""What is removed from ink: borders of cells, ruled lines, and what reaches in from outside."""


class Handwriting(NamedTuple):
    """The handwriting in a picture."""

    labels: NDArray[np.int32]
    """``(height, width)``, the number of each pixel's component or 0."""
    components: list[Component]
    """The components without specks, the largest first."""
    removed: frozenset[Removal] = frozenset()
    """What was removed from the ink."""


def find_handwriting(ink_map: InkMap) -> Handwriting:
    """Find the connected components of the handwriting in a picture.

    Borders and things that reach in from outside are often darker than the handwriting: they are
    found first and excluded from the measure of full ink, until only handwriting is left.

    Args:
        ink_map: of the picture.
    """
    shape = ink_map.contrast.shape
    is_tight = max(shape) <= TIGHT_SIDE
    included = np.ones(shape, np.bool_)
    labels: NDArray[np.int32] = np.zeros(shape, np.int32)
    found: list[Component] = []
    first: tuple[NDArray[np.int32], list[Component]] | None = None
    inked = np.zeros(shape, np.bool_)
    removed: set[Removal] = set()
    lines = np.zeros(shape, np.bool_)
    for _ in range(_MAX_ROUNDS):
        full = ink_map.full_contrast(included)
        if not full:
            found = []
            break
        ink = ink_map.ink_mask(full) & included
        inked |= ink
        mask, border = remove_border(ink, ink_map.faint_mask(full) & included)
        if is_tight and not encloses(border, mask) and not is_border_alone(border, ink):
            # In a tight crop, the bar of a 7 runs along an edge as a border would.
            mask = ink
        elif border.any():
            removed.add("borders")
            lines |= border
            # A border hides fainter handwriting, which is measured without it.
            reach = max(2, round(BORDER_BLUR * max(shape)))
            included &= ~dilate(border, 2 * reach + 1) | mask
            full = ink_map.full_contrast(included)
            mask = ink_map.ink_mask(full) & included if full else mask
        labels, found = label_components(mask)
        if any(may_be_ruled_lines(one, mask) for one in found):
            ruled, mask = mask, remove_ruled_lines(mask)
            removed |= {"ruled-lines"} if (mask != ruled).any() else set()
            lines |= ruled & ~mask
            labels, found = label_components(mask)
        first = first or (labels, found)
        outside = [component for component in found if _is_outside(component, labels)]
        if is_tight and not _has_clear_digit(found, shape):
            # In a tight crop, the digit touches the edges.
            outside = []
        if not outside:
            break
        removed.add("outside")
        included &= ~dilate(member_mask(labels, merge(outside)), 2 * _MARGIN + 1)
        found = [component for component in found if component not in outside]
    if not found and first is not None and is_tight:
        # In a tight crop, the digit touches the edges.
        labels, found = first
    found = _without_specks(found)
    if removed:
        found = without_remnants(found, labels, inked, lines)
    return Handwriting(labels, found, frozenset(removed))


def find_strokes(ink_map: InkMap) -> Handwriting:
    """Find the connected components of all ink but specks.

    Digits of a tight row may be aligned as the lines of a border are, and are not removed here.
    """
    everywhere = np.ones(ink_map.contrast.shape, np.bool_)
    full = ink_map.full_contrast(everywhere)
    labels, found = label_components(ink_map.ink_mask(full) if full else ~everywhere)
    return Handwriting(labels, _without_specks(found))


def _without_specks(components: list[Component]) -> list[Component]:
    """Return the components that are large enough, the largest first."""
    if not components:
        return []
    longest = max(max(component.height, component.width) for component in components)
    largest = max(component.area for component in components)
    kept = [
        component
        for component in components
        if max(component.height, component.width) >= max(3, _MIN_SPECK_SIZE * longest)
        and component.area >= _MIN_SPECK_AREA * largest
    ]
    return sorted(kept, key=lambda component: -component.area)


def _has_clear_digit(components: list[Component], shape: tuple[int, ...]) -> bool:
    """Check whether a component as large as a digit touches no edge."""
    height, width = shape
    largest = max((component.area for component in components), default=0)
    return any(
        not component.touches_edge(shape)
        for component in components
        if max(component.height / height, component.width / width) >= _MIN_CLEAR_SIZE
        and component.area >= _MIN_CLEAR_AREA * largest
    )


def _is_outside(component: Component, labels: NDArray[np.int32]) -> bool:
    """Check whether a component at the edge belongs to a border, a neighbor or a table."""
    if not component.touches_edge(labels.shape):
        return False
    height, width = labels.shape
    top, left = component.top, component.left
    member = labels[top : component.bottom, left : component.right] == component.labels[0]
    rows, columns = np.nonzero(member)
    rows, columns = rows + top, columns + left
    depth = np.minimum(
        np.minimum(rows, height - 1 - rows) / height,
        np.minimum(columns, width - 1 - columns) / width,
    )
    return bool((depth < _EDGE_ZONE).mean() > _MIN_OUTSIDE)

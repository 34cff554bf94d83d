from __future__ import annotations

import pytest

from mnist_edge.device.doctor.finding import Finding, Status, worst_status


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([], "good"),
        (["good", "good"], "good"),
        (["good", "warning"], "warning"),
        (["bad", "warning", "good"], "bad"),
    ],
)
def test_the_worst_status_counts(statuses: list[Status], worst: Status) -> None:
    assert worst_status([Finding(name="x", found="x", status=each) for each in statuses]) == worst

from __future__ import annotations

import re

import pytest

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.deployment.server.metrics import CONTENT_TYPE, ServerMetrics
from mnist_edge.errors import UnreadablePicture
from mnist_edge.inference.page import Page
from mnist_edge.modelstore.loading import load_model


def value(metrics: ServerMetrics, line: str) -> float:
    """Return the number after a metric and its labels."""
    (number,) = re.findall(rf"^{re.escape(line)} (\S+)$", metrics.render().decode(), re.MULTILINE)
    return float(number)


def test_each_digit_of_a_page_is_counted_and_a_page_without_one_is_blank(
    classifier: Classifier,
) -> None:
    metrics = ServerMetrics()
    digits = load_builtin_digits()
    seven = classifier.predict(digits.images[list(digits.labels).index(7)])
    assert seven.digit == 7
    metrics.count_outcome(seven)
    metrics.count_outcome(seven)
    metrics.count_outcome(Page(lines=()))
    metrics.count_outcome(UnreadablePicture("no picture"))
    assert value(metrics, 'mnist_edge_answers_total{digit="7"}') == 2
    assert value(metrics, 'mnist_edge_abstentions_total{reason="blank"}') == 1
    assert value(metrics, "mnist_edge_unreadable_pictures_total") == 1
    assert value(metrics, "mnist_edge_confidence_count") == 2


def test_a_model_is_named_with_its_hash() -> None:
    metrics = ServerMetrics()
    model = load_model("nano")
    metrics.name_model(model)
    assert f'name="nano/int8",sha256="{model.sha256}"' in metrics.render().decode()


def test_servers_of_one_process_count_apart() -> None:
    first, second = ServerMetrics(), ServerMetrics()
    first.refused.labels("busy").inc()
    assert value(first, 'mnist_edge_refusals_total{reason="busy"}') == 1
    assert b'reason="busy"' not in second.render()
    assert CONTENT_TYPE.startswith("text/plain")


@pytest.mark.parametrize("name", ["pending_requests", "connections"])
def test_a_gauge_goes_up_and_down(name: str) -> None:
    metrics = ServerMetrics()
    gauge = {"pending_requests": metrics.pending, "connections": metrics.connections}[name]
    gauge.inc()
    gauge.inc()
    gauge.dec()
    assert value(metrics, f"mnist_edge_{name}") == 1

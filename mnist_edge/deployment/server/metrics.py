"""What a server counts, in Prometheus' text format."""

from __future__ import annotations

import math

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from mnist_edge import __version__
from mnist_edge.errors import PictureError
from mnist_edge.inference.batch import Outcome
from mnist_edge.inference.classifier import Prediction
from mnist_edge.inference.page import Page
from mnist_edge.modelstore.loading import StoredModel

_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)
"""Upper bounds of the bins of confidence."""
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, math.inf)
"""Upper bounds of the bins of time."""

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""The media type of ``ServerMetrics.render``."""


class ServerMetrics:
    """The counters of one server."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "mnist_edge_requests", "Requests.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "mnist_edge_request_seconds",
            "Time from a request's headers to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.reading_seconds = Histogram(
            "mnist_edge_reading_seconds",
            "Time to read the pictures of a request.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._answers = Counter(
            "mnist_edge_answers", "Digits that were read.", ("digit",), registry=registry
        )
        self._abstentions = Counter(
            "mnist_edge_abstentions", "Abstentions.", ("reason",), registry=registry
        )
        self._unreadable = Counter(
            "mnist_edge_unreadable_pictures", "Pictures that cannot be read.", registry=registry
        )
        self._confidence = Histogram(
            "mnist_edge_confidence",
            "Calibrated probability of the likeliest digit.",
            buckets=_CONFIDENCES,
            registry=registry,
        )
        self.refused = Counter(
            "mnist_edge_refusals", "Requests refused unread.", ("reason",), registry=registry
        )
        self.connections = Gauge(
            "mnist_edge_connections", "Connections that are open.", registry=registry
        )
        self.dropped_connections = Counter(
            "mnist_edge_dropped_connections",
            "Connections that the server ended.",
            ("reason",),
            registry=registry,
        )
        self.pending = Gauge(
            "mnist_edge_pending_requests", "Requests being read or waiting.", registry=registry
        )
        self.exchanges = Counter(
            "mnist_edge_model_exchanges",
            "Attempts to take up another model.",
            ("result",),
            registry=registry,
        )
        self._model = Info("mnist_edge_model", "The model in use.", registry=registry)

    def count_outcome(self, outcome: Outcome) -> None:
        """Count what was read in a picture."""
        if isinstance(outcome, PictureError):
            self._unreadable.inc()
        elif isinstance(outcome, Page):
            for digit in outcome.digits:
                self._count_prediction(digit.prediction)
            if not outcome.digits:
                self._abstentions.labels("blank").inc()
        else:
            self._count_prediction(outcome)

    def _count_prediction(self, prediction: Prediction) -> None:
        if prediction.abstained:
            self._abstentions.labels(prediction.abstained).inc()
        else:
            self._answers.labels(str(prediction.digit)).inc()
        if prediction.abstained != "blank":
            self._confidence.observe(prediction.confidence)

    def name_model(self, model: StoredModel) -> None:
        """Name the model in use."""
        self._model.info({"name": model.name, "sha256": model.sha256, "version": __version__})

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

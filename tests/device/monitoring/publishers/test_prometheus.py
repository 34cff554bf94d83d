from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from mnist_edge.monitoring.publishers.prometheus import region_metrics
from tests.support.readings import counter_reading


def test_prometheus_reads_the_latest_value_of_each_region() -> None:
    refused = counter_reading(3, region="gas", error="max_step: 9 differs by 7 from 2")
    waiting = counter_reading(3, region="power", error="equal_readings: 9 was read 1 of 2 times")
    text = region_metrics([counter_reading(2), waiting, refused]).decode()
    samples = {
        (sample.name, sample.labels["region"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["mnist_edge_region_value", "water"] == 0.02
    assert samples["mnist_edge_region_rate", "water"] == 0.01
    assert samples["mnist_edge_region_time_seconds", "gas"] == 1795737780
    problems = {n: samples["mnist_edge_region_problem", n] for n in ("gas", "power", "water")}
    assert problems == {"gas": 1, "power": 0, "water": 0}
    assert ("mnist_edge_region_value", "gas") not in samples
    assert 'unit="m³"' in text

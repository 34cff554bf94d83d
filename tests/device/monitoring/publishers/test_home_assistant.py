"""The schema is written from Home Assistant's documentation: device discovery, its MQTT sensor,
binary sensor and button, and the units and state classes of its sensors' device classes."""

from __future__ import annotations

import json
from typing import Any, cast

import jsonschema
import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.publishers.home_assistant import discovery_document, discovery_topic
from mnist_edge.monitoring.rule_settings import METER_UNITS, RuleSettings

TOPIC = {"type": "string", "pattern": r"^[^#+\x00]+$"}
TEXT = {"type": "string", "minLength": 1}
ENTITY = {
    "unique_id": TEXT,
    "name": TEXT,
    "entity_category": {"enum": ["config", "diagnostic"]},
    "value_template": TEXT,
    "state_topic": TOPIC,
    "expire_after": {"type": "integer", "minimum": 1},
}
DEVICE_CLASS_UNITS = {
    "water": {"CCF", "ft³", "gal", "L", "m³"},
    "gas": {"CCF", "ft³", "m³"},
    "temperature": {"°C", "°F", "K"},
    "energy": {"J", "kJ", "MJ", "GJ", "Wh", "kWh", "MWh", "GWh", "TWh"},
}
COMPONENTS = {
    "sensor": {
        "required": ["platform", "unique_id", "state_topic"],
        "properties": {
            **ENTITY,
            "platform": {"const": "sensor"},
            "device_class": {"enum": list(DEVICE_CLASS_UNITS)},
            "state_class": {"enum": ["measurement", "total", "total_increasing"]},
            "unit_of_measurement": TEXT,
            "suggested_display_precision": {"type": "integer", "minimum": 0},
        },
        # Only totals are allowed for what is consumed, and only measurements for a temperature.
        "if": {"required": ["device_class"]},
        "then": {
            "required": ["unit_of_measurement"],
            "if": {"properties": {"device_class": {"const": "temperature"}}},
            "then": {"properties": {"state_class": {"const": "measurement"}}},
            "else": {"properties": {"state_class": {"enum": ["total", "total_increasing"]}}},
        },
    },
    "binary_sensor": {
        "required": ["platform", "unique_id", "state_topic"],
        "properties": {
            **ENTITY,
            "platform": {"const": "binary_sensor"},
            "device_class": {"const": "problem"},
        },
    },
    "button": {
        "required": ["platform", "unique_id", "command_topic"],
        "properties": {
            **ENTITY,
            "platform": {"const": "button"},
            "command_topic": TOPIC,
            "payload_press": TEXT,
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["device", "origin", "components"],
    "properties": {
        "device": {
            "type": "object",
            "required": ["identifiers"],
            "properties": {
                "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
                **dict.fromkeys(("name", "manufacturer", "sw_version"), TEXT),
            },
            "additionalProperties": False,
        },
        "origin": {
            "type": "object",
            "required": ["name"],
            "properties": dict.fromkeys(("name", "sw_version"), TEXT),
            "additionalProperties": False,
        },
        "availability_topic": TOPIC,
        "qos": {"enum": [0, 1, 2]},
        "components": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-zA-Z0-9_-]+$"},
            "additionalProperties": {
                "oneOf": [
                    {"type": "object", "additionalProperties": False, **component}
                    for component in COMPONENTS.values()
                ]
            },
        },
    },
    "additionalProperties": False,
}


def describe(settings: RuleSettings, **options: Any) -> dict[str, Any]:
    document = discovery_document(
        {"main": settings}, topic="house/meters", name="Meters", **options
    )
    document = cast("dict[str, Any]", json.loads(json.dumps(document)))
    jsonschema.validate(document, SCHEMA)
    for component in document["components"].values():
        if units := DEVICE_CLASS_UNITS.get(component.get("device_class")):
            assert component["unit_of_measurement"] in units
    identifiers = [one["unique_id"] for one in document["components"].values()]
    assert len(set(identifiers)) == len(identifiers)
    return document


@pytest.mark.parametrize(
    ("meter", "unit"),
    [
        ("none", ""),
        ("none", "rounds"),
        *((m, u) for m, units in METER_UNITS.items() for u in units),
    ],
)
@pytest.mark.parametrize("grows", [True, False])
def test_every_kind_of_meter_is_described_as_documented(meter: Any, unit: str, grows: bool) -> None:
    if meter == "temperature" and grows:
        with pytest.raises(InvalidValue, match="a temperature falls, too"):
            RuleSettings(meter=meter, unit=unit, only_grows=grows)
        return
    document = describe(RuleSettings(meter=meter, unit=unit, only_grows=grows, decimals=3))
    value = document["components"]["main_value"]
    assert value.get("device_class", "none") == meter
    assert value.get("unit_of_measurement", "") == unit
    assert (value["state_class"] == "total_increasing") == grows
    assert value["suggested_display_precision"] == 3


def test_a_problem_is_an_entity_and_a_value_expires() -> None:
    document = describe(RuleSettings(), expire_after=90.4)
    problem = document["components"]["main_problem"]
    assert problem["device_class"] == "problem"
    assert problem["state_topic"] == "house/meters/main/reading"
    assert problem["expire_after"] == document["components"]["main_value"]["expire_after"] == 90
    assert "expire_after" not in describe(RuleSettings())["components"]["main_value"]
    assert document["availability_topic"] == "house/meters/status"
    assert document["components"]["read"]["command_topic"] == "house/meters/command"


def test_the_discovery_topic_has_only_letters_that_are_allowed() -> None:
    assert (
        discovery_topic("homeassistant", "häuser/1 a") == "homeassistant/device/h-user-1-a/config"
    )

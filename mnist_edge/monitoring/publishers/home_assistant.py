"""Describe the regions to Home Assistant, which then needs no configuration to show them.

One retained message describes all of a device's entities: device discovery, as documented at
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mnist_edge import __version__
from mnist_edge.monitoring.rule_settings import RuleSettings

READ_COMMAND = "read"
"""The payload of the command topic that asks for a reading."""
_MAX_STATE = 255
"""Characters that Home Assistant takes for a state."""


def device_id(topic: str) -> str:
    """Return the identifier of the device that publishes below a topic."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", topic)


def discovery_topic(prefix: str, topic: str) -> str:
    """Return the topic of the discovery message.

    Args:
        prefix: Home Assistant's discovery prefix, by default ``homeassistant``.
        topic: what the device's own topics begin with.
    """
    return f"{prefix}/device/{device_id(topic)}/config"


def discovery_document(
    regions: Mapping[str, RuleSettings],
    *,
    topic: str,
    name: str,
    expire_after: float | None = None,
) -> dict[str, Any]:
    """Return the discovery message of a device, as JSON.

    Args:
        regions: what each region means, by its name.
        topic: what the device's topics begin with.
        name: of the device.
        expire_after: seconds after which a value that was not sent again is unavailable.
    """
    device = device_id(topic)
    components = {
        "read": {
            "platform": "button",
            "unique_id": f"{device}_read",
            "name": "Read now",
            "command_topic": f"{topic}/command",
            "payload_press": READ_COMMAND,
        }
    }
    for region, settings in regions.items():
        for part, component in _components(region, settings, topic, expire_after).items():
            unique_id = f"{device}_{region}_{part}"
            components[f"{region}_{part}"] = {"unique_id": unique_id, **component}
    return {
        "device": {
            "identifiers": [device],
            "name": name,
            "manufacturer": "mnist-edge",
            "sw_version": __version__,
        },
        "origin": {"name": "mnist-edge", "sw_version": __version__},
        "availability_topic": f"{topic}/status",
        "qos": 1,
        "components": components,
    }


def _components(
    region: str, settings: RuleSettings, topic: str, expire_after: float | None
) -> dict[str, dict[str, Any]]:
    """Return the entities of a region, by what they show."""
    expiry = {} if expire_after is None else {"expire_after": max(1, round(expire_after))}
    reading = f"{topic}/{region}/reading"
    value = {
        "platform": "sensor",
        "name": region,
        "state_topic": f"{topic}/{region}/value",
        "state_class": _state_class(settings),
        "suggested_display_precision": settings.decimals,
        **expiry,
    }
    rate = {
        "platform": "sensor",
        "name": f"{region} rate",
        "state_topic": reading,
        "value_template": "{{ value_json.rate }}",
        "state_class": "measurement",
    }
    if settings.meter != "none":
        value["device_class"] = settings.meter
    if settings.unit:
        value["unit_of_measurement"] = settings.unit
        rate["unit_of_measurement"] = f"{settings.unit}/min"
    return {
        "value": value,
        "rate": rate,
        "raw": {
            "platform": "sensor",
            "name": f"{region} as read",
            "state_topic": reading,
            "value_template": f"{{{{ value_json.raw[:{_MAX_STATE}] }}}}",
            "entity_category": "diagnostic",
        },
        "error": {
            "platform": "sensor",
            "name": f"{region} error",
            "state_topic": reading,
            "value_template": f"{{{{ (value_json.error or 'none')[:{_MAX_STATE}] }}}}",
            "entity_category": "diagnostic",
        },
        "problem": {
            "platform": "binary_sensor",
            "name": f"{region} problem",
            "state_topic": reading,
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
            "device_class": "problem",
            "entity_category": "diagnostic",
            **expiry,
        },
    }


def _state_class(settings: RuleSettings) -> str:
    """Return how Home Assistant is to add up the values.

    ``total_increasing`` takes each fall for a new beginning, as of a counter that turned over: one
    that is misread would be counted as consumption, so only a value that cannot fall has it.
    """
    if settings.only_grows:
        return "total_increasing"
    return "measurement" if settings.meter in ("none", "temperature") else "total"

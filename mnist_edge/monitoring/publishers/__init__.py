"""Where readings are sent: MQTT with Home Assistant, a webhook, InfluxDB, Prometheus."""

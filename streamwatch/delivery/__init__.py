"""Alerts out: body, signature, webhook couriers, the MQTT publisher, and the desk that owes them."""

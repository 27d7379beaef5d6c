"""Our own API under /api/v1: streams, incidents, snoozes, coverage, weights; described by an OpenAPI document."""

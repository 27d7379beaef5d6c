"""Why a sink did not take an alert: the alert's own trouble, or the whole sink's."""

from streamwatch.errors import DeliveryError


class SinkDown(DeliveryError):  # noqa: N818 - reads as what happened
    """Nothing can be delivered to the sink at the moment; the other alerts need not be tried now."""

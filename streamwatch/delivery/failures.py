"""Why a sink did not take an alert: the alert's own trouble, the whole sink's, or one that no further try can mend."""

from streamwatch.errors import DeliveryError


class SinkDown(DeliveryError):  # noqa: N818 - reads as what happened
    """Nothing can be delivered to the sink at the moment; the other alerts need not be tried now."""


class Undeliverable(DeliveryError):  # noqa: N818 - reads as what happened
    """Given up at once: what is in the way will not change."""

    retryable = False

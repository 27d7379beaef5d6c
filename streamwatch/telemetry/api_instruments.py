"""What the HTTP API counts of itself."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

UPLOADS: Final = "api"
"""The value of ``stream`` under which frames of uploads are counted."""
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ApiInstruments:
    """Series of the two APIs and of what they set in motion; no paths, clients or ids in labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "streamwatch_http_requests", "API requests answered.", ["api", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "streamwatch_http_request_seconds",
            "Seconds from an API request's head to its answer.",
            ["api"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.jobs_unfinished = Gauge("streamwatch_jobs_unfinished", "Jobs that run or wait.", registry=registry)
        self.upload_worker_restarts = Counter(
            "streamwatch_upload_worker_restarts",
            "Processes that decode uploads replaced, and why.",
            ["reason"],
            registry=registry,
        )
        self.history_rows_lost = Counter(
            "streamwatch_history_rows_lost",
            "Results and examples that history.db did not take.",
            registry=registry,
        )
        for api in ("compat", "v1"):
            self.request_seconds.labels(api)
            self.requests.labels(api, "200")
        for reason in ("died", "heartbeat", "hung", "memory", "protocol", "spawn"):
            self.upload_worker_restarts.labels(reason)

    def answered(self, api: str, status: int, seconds: float) -> None:
        """One API request was answered."""
        self.requests.labels(api, str(status)).inc()
        self.request_seconds.labels(api).observe(seconds)

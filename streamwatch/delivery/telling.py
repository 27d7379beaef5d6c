"""What the log and the metrics are told of alerts that were written down."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.drafts import Named
from streamwatch.delivery.meters import DeliveryMeters, sink_label
from streamwatch.records.alert import AlertEvent, Sink, Verdict

_EVENTS: Final[Mapping[AlertEvent, str]] = {
    "opened": "alert.opened",
    "updated": "alert.updated",
    "closed": "alert.closed",
    "test": "alert.test",
}


@dataclass(frozen=True, slots=True)
class Teller:
    """One line and one measurement for each alert."""

    log: FilteringBoundLogger
    meters: DeliveryMeters

    def written(self, stream: str, named: Named, *, hold: float) -> None:
        """An alert is on the disk, or in memory while the disk fails; it waits ``hold`` seconds for its opinion."""
        verdict = named.verdict
        if not hold:
            self.measure(verdict)
        self.log.info(
            _EVENTS[verdict.event],
            alert=named.identity,
            incident=verdict.incident.id,
            stream=stream,
            label=verdict.incident.label,
            score=round(verdict.score, 4),
            reason=verdict.reason,
            **({"waits": round(hold, 3)} if hold else {}),
        )

    def measure(self, verdict: Verdict) -> None:
        """An alert may be sent from now on."""
        if verdict.event == "opened" and verdict.first_over_received is not None:
            self.meters.capture_to_alert(max(0.0, time.monotonic() - verdict.first_over_received))

    def withheld(self, sinks: Sequence[Sink], named: Named) -> None:
        """These sinks want no alerts of incidents that the second opinion denied."""
        for sink in sinks:
            self.meters.doubted(sink_label(sink))
            self.log.info(
                "alert.withheld",
                alert=named.identity,
                incident=named.verdict.incident.id,
                sink=str(sink),
                reason="doubted by the second opinion",
            )

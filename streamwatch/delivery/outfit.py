"""What every courier is given, whoever it works for."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.courier import Attempt, Courier, CourierRules, Transport
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.lines import Line
from streamwatch.delivery.meters import DeliveryMeters
from streamwatch.delivery.options import WebhookOptions
from streamwatch.delivery.webhook import WebhookTransport
from streamwatch.records.alert import Sink


@dataclass(frozen=True, slots=True)
class Outfit:
    """``clock`` gives Unix seconds."""

    ledger: Ledger
    meters: DeliveryMeters
    on_attempt: Callable[[Attempt], None]
    log: FilteringBoundLogger
    clock: Callable[[], float]
    rng: random.Random
    user_agent: str

    def courier(self, sink: Sink, transport: Transport, rules: CourierRules) -> Courier:
        """A courier for the sink, not at work yet."""
        return Courier(
            sink,
            transport,
            self.ledger,
            rules,
            meters=self.meters,
            on_attempt=self.on_attempt,
            log=self.log,
            clock=self.clock,
            rng=self.rng,
        )

    def webhook(self, options: WebhookOptions, line: Line) -> WebhookTransport:
        """What posts to one receiver by ``line``."""
        return WebhookTransport(options, line=line, user_agent=self.user_agent, clock=self.clock)

"""RTMP and RTSP streams whose URL came by the API: libav reads them through a relay, and can reach nothing else."""

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk
from streamwatch.capture.packets.opening import opening_of_relay
from streamwatch.capture.packets.relay import Relay
from streamwatch.capture.packets.source import PacketSource
from streamwatch.capture.packets.target import Target
from streamwatch.records.capture import CapturePlan


class RelayedSource:
    """One session. Raises SourceError ``bad_url`` or ``forbidden_scheme`` at once."""

    def __init__(self, plan: CapturePlan, desk: Desk, decoders: DecoderPool) -> None:
        self._plan = plan
        self._desk = desk
        self._decoders = decoders
        self._target = Target.of(plan.url)

    async def run(self) -> None:
        """Read until it fails or ends; always leaves by SourceError or CancelledError."""
        async with Relay(self._plan, self._target) as relay:
            opening = opening_of_relay(self._plan, self._target, relay.port)
            await PacketSource(self._plan, self._desk, self._decoders, opening, fault=relay.fault).run()

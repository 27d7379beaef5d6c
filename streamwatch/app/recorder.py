"""Hands the judges' rulings to the alert desk, with what an alert says about its stream."""

from dataclasses import dataclass

from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.payload import AlertSubject
from streamwatch.errors import StoreError
from streamwatch.store.evidence import EvidenceStore
from streamwatch.streams.alert_lane import Ruling


@dataclass(frozen=True, slots=True)
class Recorder:
    """The consumer of the alert lane."""

    desk: AlertDesk
    pictures: EvidenceStore
    not_detected: tuple[str, ...]

    async def record(self, ruling: Ruling) -> None:
        """Write the ruling down, see AlertDesk.record."""
        definition = ruling.definition
        subject = AlertSubject(
            stream=definition.id,
            title=definition.title,
            context=definition.context,
            uri=definition.uri,
            evidence=self._picture(ruling.verdicts[0].incident.id) if ruling.verdicts else None,
            not_detected=self.not_detected,
        )
        await self.desk.record(subject, ruling.verdicts, ruling.judge_state)

    def _picture(self, incident: str) -> str | None:
        try:
            return str(self.pictures.path(incident))
        except StoreError:
            return None

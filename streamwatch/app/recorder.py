"""Hands the judges' rulings to the alert desk, with what an alert says about its stream."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView
from streamwatch.app.snoozer import Snoozer
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.payload import AlertSubject
from streamwatch.errors import StoreError
from streamwatch.jobs.active import Place
from streamwatch.records.alert import Verdict
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.streams.alert_lane import Ruling


@dataclass(frozen=True, slots=True)
class Recorder:
    """The consumer of the alert lane."""

    desk: AlertDesk
    store: AlertStore
    pictures: EvidenceStore
    log: FilteringBoundLogger
    weights: WeightsView
    snoozer: Snoozer | None = None
    place: Callable[[str, str | None], Place | None] = lambda _media, _frame: None
    """Job and frame -> what the job says about it."""

    async def record(self, ruling: Ruling) -> None:
        """Write the ruling down, see AlertDesk.record; alerts that are snoozed are not sent."""
        definition = ruling.definition
        if ruling.judge_state is None:
            await self._forget(definition.id)
            return
        subject = AlertSubject(
            stream=definition.id,
            title=definition.title,
            context=definition.context,
            uri=definition.uri,
            media=definition.media,
            evidence=self._picture(ruling.verdicts[0].incident.id) if ruling.verdicts else None,
            not_detected=tuple(self.weights.unsupported),
        )
        if not ruling.verdicts:
            await self.desk.record(subject, (), ruling.judge_state)
        for verdict in ruling.verdicts:
            told = self.snoozer is None or not self.snoozer.withholds(verdict)
            await self.desk.record(self._placed(subject, verdict), (verdict,), ruling.judge_state, told=told)

    async def _forget(self, stream: str) -> None:
        if self.snoozer is not None:
            self.snoozer.forget_stream(stream)
        try:
            await self.store.forget_judge_state(stream)
        except StoreError as error:  # a row too many does no harm: the stream's incidents are closed
            self.log.warning("alerts.state_not_forgotten", stream=stream, reason=str(error))

    def _placed(self, subject: AlertSubject, verdict: Verdict) -> AlertSubject:
        """In a job's own terms, where it is a job's stream."""
        place = None if subject.media is None else self.place(subject.media, verdict.frame)
        if place is None:
            return subject
        return replace(
            subject, request=place.request, models=place.models, number=place.number, position=place.position
        )

    def _picture(self, incident: str) -> str | None:
        try:
            return str(self.pictures.path(incident))
        except StoreError:
            return None

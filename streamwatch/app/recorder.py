"""Hands the judges' rulings to the alert desk, with what an alert says about its stream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView
from streamwatch.app.opinions import Opinions
from streamwatch.app.snoozer import Snoozer
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.payload import AlertSubject
from streamwatch.errors import StoreError
from streamwatch.jobs.active import Place
from streamwatch.records.alert import Verdict
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.streams.alert_lane import Ruling
from streamwatch.streams.definition import StreamDefinition


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
    opinions: Opinions | None = None

    async def record(self, ruling: Ruling) -> None:
        """Write the ruling down, see AlertDesk.record; alerts that are snoozed are not sent."""
        definition = ruling.definition
        if ruling.judge_state is None:
            await self._forget(definition.id)
            return
        if ruling.opinion is not None and self.opinions is not None:
            follows = await self.opinions.take(ruling.verdicts[0], ruling.opinion)
            verdicts: tuple[Verdict, ...] = () if follows is None else (follows,)
            judge_state: Mapping[str, Any] | None = None
        else:
            verdicts, judge_state = ruling.verdicts, ruling.judge_state
            if not verdicts:
                await self.desk.record(AlertSubject(definition.id), (), judge_state)
        for verdict in verdicts:
            told = self.snoozer is None or not self.snoozer.withholds(verdict)
            subject = self._placed(self._subject(definition, verdict), verdict)
            if self.opinions is None:
                await self.desk.record(subject, (verdict,), judge_state, told=told)
            else:
                await self.opinions.record(definition, subject, verdict, judge_state, told=told)

    def _subject(self, definition: StreamDefinition, verdict: Verdict) -> AlertSubject:
        return AlertSubject(
            stream=definition.id,
            title=definition.title,
            context=definition.context,
            uri=definition.uri,
            media=definition.media,
            evidence=self._picture(verdict.incident.id),
            not_detected=tuple(self.weights.unsupported),
        )

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

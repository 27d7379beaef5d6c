"""Keeps the alerts of snoozed labels from being sent, never silently, and tells of what is still open afterwards."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from structlog.typing import FilteringBoundLogger

from streamwatch.app.desired_state import DesiredState
from streamwatch.records.alert import Incident, Verdict
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.reviews import alerted
from streamwatch.streams.alert_lane import Ruling
from streamwatch.streams.watched import WatchedStream


class Snoozer:
    """Alerts of an incident all of whose labels are snoozed are withheld: logged and counted.

    The close of an incident that receivers know is told all the same: they would take it for open for ever.
    """

    def __init__(
        self,
        desired: DesiredState,
        *,
        count: Callable[[str, str, int], None],
        watched: Callable[[str], bool],
        log: FilteringBoundLogger,
    ) -> None:
        """``count`` (stream, label, how many) hears of each withheld alert of a stream that is ``watched``."""
        self._desired = desired
        self._count = count
        self._watched = watched
        self._log = log
        self._hidden: set[str] = set()
        """Incidents of which receivers know nothing, or think that they are closed."""
        self._withheld: dict[str, str] = {}
        """Open incidents of which something was withheld -> stream."""

    async def restore(self, store: AlertStore, known: Sequence[Incident]) -> None:
        """Take up what an earlier life withheld. Raises StoreError."""
        snoozes = self._desired.snoozes
        quiet = [
            one
            for one in known
            if one.closed_at is None and all((one.stream, label) in snoozes for label in one.labels)
        ]
        if quiet:
            told = await store.run(partial(alerted, incidents=[one.id for one in quiet]))
            self._withheld = {one.id: one.stream for one in quiet}
            self._hidden = {one.id for one in quiet if one.id not in told}

    def begin(self, stream: str, label: str) -> None:
        """Count from zero what is withheld from now on."""
        if self._watched(stream):
            self._count(stream, label, 0)

    def withholds(self, verdict: Verdict) -> bool:
        """Whether this alert is not to be sent; asked once for each, in order."""
        incident, hidden = verdict.incident, verdict.incident.id in self._hidden
        quiet = verdict.event != "test" and self._is_quiet(incident)
        if verdict.event == "closed":
            self._forget(incident.id)
            quiet = hidden and (quiet or verdict.reason == "removed")
        elif quiet:
            self._withheld[incident.id] = incident.stream
            if verdict.event == "opened":
                self._hidden.add(incident.id)
        else:
            self._forget(incident.id)
        if quiet:
            self._tell(verdict)
        return quiet

    def ended(self, streams: Mapping[str, WatchedStream]) -> list[Ruling]:
        """What is to be told now of open incidents whose snooze is over."""
        rulings = []
        for identity, stream in list(self._withheld.items()):
            watched = streams.get(stream)
            found = [one for one in watched.judge.open_incidents if one.id == identity] if watched is not None else []
            if watched is not None and found and not self._is_quiet(found[0]):
                del self._withheld[identity]
                rulings.append(Ruling(watched.definition, (self._update(watched, found[0]),), watched.judge.state()))
        return rulings

    def forget_stream(self, stream: str) -> None:
        """The stream is gone."""
        for identity in [one for one, of in self._withheld.items() if of == stream]:
            self._forget(identity)

    def _is_quiet(self, incident: Incident) -> bool:
        return all(self._desired.snoozed(incident.stream, label) for label in incident.labels)

    def _forget(self, identity: str) -> None:
        self._withheld.pop(identity, None)
        self._hidden.discard(identity)

    def _update(self, watched: WatchedStream, incident: Incident) -> Verdict:
        return Verdict(
            event="updated",
            reason="snooze_ended",
            incident=incident,
            score=watched.last_values.get(incident.label, incident.peak),
            frame=None,
            media_time=0.0,
            captured_at=watched.last_scored_wall or incident.updated_at,
            values={},
            first_over_received=None,
        )

    def _tell(self, verdict: Verdict) -> None:
        incident = verdict.incident
        if self._watched(incident.stream):
            self._count(incident.stream, incident.label, 1)
        self._log.info(
            "alert.snoozed",
            stream=incident.stream,
            incident=incident.id,
            alert=verdict.event,
            reason=verdict.reason,
            label=incident.label,
            score=round(verdict.score, 4),
        )

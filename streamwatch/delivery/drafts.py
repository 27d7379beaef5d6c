"""Which sinks an alert is owed to, and the rows that say so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamwatch.delivery.callbacks import Callbacks
from streamwatch.delivery.crew import Crew
from streamwatch.delivery.payload import AlertSubject, build_alert, encode, is_doubted
from streamwatch.records.alert import Sink, Verdict
from streamwatch.store.rows import OutboxRow


@dataclass(frozen=True, slots=True)
class Named:
    """A verdict that is told, under its alert's id. Times in Unix seconds."""

    verdict: Verdict
    identity: str
    created: float
    due: float
    """Not sent before."""


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that is written down and waits for its second opinion, until it is due."""

    named: Named
    sinks: tuple[Sink, ...]


@dataclass(frozen=True, slots=True)
class Drafts:
    """Rows for whoever wants an alert. Callbacks get what their jobs asked for."""

    crew: Crew
    callbacks: Callbacks

    def rows(self, subject: AlertSubject, named: Sequence[Named], *, persisted: bool) -> list[OutboxRow]:
        """One row for each alert and sink that wants it."""
        return [
            self.row(subject, one, sink, persisted=persisted)
            for one in named
            for sink in self._wanting(subject, one.verdict)
        ]

    def refused(self, subject: AlertSubject, verdict: Verdict) -> list[Sink]:
        """Those that would want the alert if its incident were not doubted."""
        wanting = set(self._wanting(subject, verdict))
        return [sink for sink in self._wanting(replace(subject, opinion=None), verdict) if sink not in wanting]

    def row(self, subject: AlertSubject, named: Named, sink: Sink, *, persisted: bool) -> OutboxRow:
        """What one sink is owed."""
        alert = build_alert(
            subject,
            named.verdict,
            identity=named.identity,
            created=named.created,
            persisted=persisted,
            callback=sink.kind == "callback",
        )
        return OutboxRow(
            id=named.identity,
            sink=sink,
            incident=alert.incident,
            stream=alert.stream,
            body=encode(alert.body),
            created=named.created,
            due=named.due,
            once=alert.event == "test",
        )

    def _wanting(self, subject: AlertSubject, verdict: Verdict) -> list[Sink]:
        labels, opinion = verdict.incident.labels, subject.opinion
        # Who was told of the incident before it was doubted must hear how it goes on.
        doubted = is_doubted(opinion, verdict.incident) and opinion is not None and not opinion.late
        configured = [
            sink
            for sink, options in self.crew.sinks.items()
            if options.wants.wants(subject.stream, labels, doubted=doubted)
        ]
        return [*configured, *self.callbacks.wanting(subject.stream, labels)]

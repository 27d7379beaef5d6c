"""What callers of the API are told of streams: state, coverage, scores, thresholds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streamwatch.app.assembly import WeightsView
from streamwatch.app.roster import Roster
from streamwatch.records.labels import LABELS
from streamwatch.settings.effective import resolve_thresholds
from streamwatch.settings.thresholds import Resolved
from streamwatch.store.desired import Snooze
from streamwatch.streams.supervisor import Supervisor
from streamwatch.streams.watched import WatchedStream
from streamwatch.web.v1.answers import (
    CoverageAnswer,
    CoverageNumbers,
    SnoozeAnswer,
    SourceAnswer,
    StateAnswer,
    StreamAnswer,
    StreamCoverage,
    StreamPage,
    SuspensionAnswer,
    ThresholdAnswer,
    ThresholdsAnswer,
    ThresholdSources,
)
from streamwatch.web.v1.bodies import StreamQuery
from streamwatch.web.v1.words import NOT_DETECTED

_SEEING: Final = frozenset({"live", "black", "frozen"})
"""States in which the last scores are recent."""


@dataclass(frozen=True, slots=True)
class StreamViews:
    """Pictures of the moment; nothing here waits."""

    roster: Roster
    supervisor: Supervisor
    weights: WeightsView

    def page(self, query: StreamQuery, owner: str | None) -> StreamPage:
        """Some streams, in the order of their ids; those of ``owner`` alone, or (None) everybody's."""
        found, following = self._page(self._visible(owner), query)
        return StreamPage(
            streams=[self.one(watched) for watched in found], next=following, not_detected=self.not_detected
        )

    def one(self, watched: WatchedStream) -> StreamAnswer:
        """Everything about one stream."""
        row, state, source = self.roster.desired.streams.get(watched.id), watched.state, watched.description
        return StreamAnswer(
            id=watched.id,
            title=watched.definition.title,
            url=watched.definition.uri,
            context=dict(watched.definition.context),
            origin="file" if row is None else "api",
            client=row.client if row else None,
            job=row.job if row else None,
            created=_time(row.created if row else None),
            state=StateAnswer(name=state.name, since=_time(state.since), reason=state.reason, code=state.code),
            suspension=self._suspension(watched),
            snoozes=[snooze_answer(one) for one in self.roster.desired.snoozes_of(watched.id)],
            interval=watched.definition.plan.interval,
            source=None
            if source is None
            else SourceAnswer(
                kind=source.kind,
                container=source.container,
                codec=source.codec,
                width=source.width,
                height=source.height,
                live=source.live,
                sampling=source.sampling,
                reason=source.reason,
            ),
            coverage=CoverageNumbers(**self._numbers([watched])),
            last_scored=_time(watched.last_scored_wall),
            scores={label: self._score(watched, label) for label in LABELS},
            open_incidents=[incident.id for incident in watched.judge.open_incidents],
        )

    def snoozes(self, owner: str | None) -> list[SnoozeAnswer]:
        """Every snooze that holds."""
        return [
            snooze_answer(one) for watched in self._visible(owner) for one in self.roster.desired.snoozes_of(watched.id)
        ]

    def coverage(self, query: StreamQuery, owner: str | None) -> CoverageAnswer:
        """How much was really looked at."""
        visible = self._visible(owner)
        found, following = self._page(visible, query)
        return CoverageAnswer(
            fleet=CoverageNumbers(**self._numbers(visible)),
            labels={label: self.status(label) for label in LABELS},
            streams=[
                StreamCoverage(
                    stream=watched.id,
                    state=watched.state.name,
                    frames_decoded=watched.frames_decoded,
                    frames_scored=watched.frames_scored,
                    frames_unscored=dict(watched.frames_unscored),
                    **self._numbers([watched]),
                )
                for watched in found
            ],
            next=following,
        )

    def thresholds(self, watched: WatchedStream) -> ThresholdsAnswer:
        """What holds for each label on one stream; a broken stream has no thresholds."""
        entry = self.roster.union.entry(watched.id)
        weights = self.weights
        resolved = (
            []
            if entry is None
            else resolve_thresholds(self.roster.union.settings, entry, weights.defaults, weights.name)
        )
        by_label = {one.threshold.label: one for one in resolved}
        return ThresholdsAnswer(
            stream=watched.id,
            labels={label: self._threshold(label, by_label.get(label)) for label in LABELS},
        )

    @property
    def not_detected(self) -> list[str]:
        """The labels that the weights cannot see."""
        return self.weights.unsupported

    def status(self, label: str) -> Any:
        """``measured``, ``proxy``, or NOT DETECTED."""
        found = self.weights.coverage[label]
        return NOT_DETECTED if found == "unsupported" else found

    def _visible(self, owner: str | None) -> list[WatchedStream]:
        rows = self.roster.desired.streams
        return [
            watched
            for stream, watched in self.supervisor.streams.items()
            if owner is None or (stream in rows and rows[stream].client == owner)
        ]

    def _page(self, visible: Iterable[WatchedStream], query: StreamQuery) -> tuple[list[WatchedStream], str | None]:
        wanted = sorted(
            (
                watched
                for watched in visible
                if (query.state in (None, watched.state.name)) and watched.id > (query.cursor or "")
            ),
            key=lambda watched: watched.id,
        )
        found = wanted[: query.limit]
        return found, found[-1].id if len(wanted) > query.limit else None

    def _score(self, watched: WatchedStream, label: str) -> Any:
        if self.weights.coverage[label] == "unsupported":
            return NOT_DETECTED
        value = watched.last_values.get(label) if watched.state.name in _SEEING else None
        return None if value is None else round(float(value), 4)

    def _suspension(self, watched: WatchedStream) -> SuspensionAnswer | None:
        if watched.state.name != "suspended":
            return None
        found = None if self.roster.union.rests(watched.id) else self.roster.desired.suspended(watched.id)
        return SuspensionAnswer(
            until=_time(found.until if found else None),
            by=found.by if found else None,
            since=_time(found.since if found else None),
        )

    def _numbers(self, streams: Sequence[WatchedStream]) -> dict[str, Any]:
        expected = sum(watched.meter.expected for watched in streams)
        covered = sum(min(watched.meter.covered, watched.meter.expected) for watched in streams)
        return {
            "expected_seconds": round(expected, 3),
            "covered_seconds": round(covered, 3),
            "coverage": round(covered / expected, 4) if expected > 0 else None,
        }

    def _threshold(self, label: str, resolved: Resolved | None) -> ThresholdAnswer:
        if resolved is None:
            return ThresholdAnswer(
                status=self.status(label), enter=None, exit=None, confirm=None, cooldown=None, source=None
            )
        threshold = resolved.threshold
        return ThresholdAnswer(
            status=self.status(label),
            enter=threshold.enter,
            exit=threshold.exit,
            confirm=f"{threshold.confirm_n} of {threshold.confirm_m}",
            cooldown=threshold.cooldown,
            source=ThresholdSources(**resolved.sources),
        )


def snooze_answer(snooze: Snooze) -> SnoozeAnswer:
    """A snooze as it is told."""
    return SnoozeAnswer(stream=snooze.stream, label=snooze.label, until=_time(snooze.until), by=snooze.by)


def _time(seconds: float | None) -> Any:
    """Unix seconds, which the answers turn into a time."""
    return seconds

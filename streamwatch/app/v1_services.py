"""Joins the desks to the routes of /api/v1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamwatch import __version__
from streamwatch.app.incident_desk import IncidentDesk
from streamwatch.app.stream_desk import StreamDesk
from streamwatch.app.stream_views import StreamViews, snooze_answer
from streamwatch.inference.manifest import Manifest
from streamwatch.records.labels import LABELS
from streamwatch.web.access import Doorkeeper
from streamwatch.web.v1.admission import admission
from streamwatch.web.v1.answers import (
    CoverageAnswer,
    LabelAnswer,
    SnoozeAnswer,
    SnoozePage,
    StreamAnswer,
    StreamPage,
    ThresholdsAnswer,
    WeightsAnswer,
)
from streamwatch.web.v1.bodies import NewStream, StreamChange, StreamQuery
from streamwatch.web.v1.services import V1Services, Viewer
from streamwatch.web.v1.words import NOT_DETECTED

_MOST_EVALUATION = 1_000_000


def v1_services(
    keeper: Doorkeeper,
    desk: StreamDesk,
    views: StreamViews,
    incidents: IncidentDesk,
    weights: Callable[[], WeightsAnswer],
) -> V1Services:
    """Everything behind /api/v1."""
    return V1Services(admission(keeper), StreamFront(desk, views), incidents, weights, __version__)


def describe_weights(manifest: Manifest, folder: Path) -> WeightsAnswer:
    """What the weights can see, with what was measured; reads evaluation.json beside the manifest, once."""
    unseen = [label for label in LABELS if manifest.labels[label].status == "unsupported"]
    labels: dict[str, Any] = {
        label: LabelAnswer(
            status=NOT_DETECTED if one.status == "unsupported" else one.status,
            of=one.of,
            enter=one.enter,
            figures=dict(one.figures),
        )
        for label, one in manifest.labels.items()
    }
    return WeightsAnswer(
        name=manifest.name,
        sha256=manifest.sha256,
        licence=manifest.licence,
        input_size=manifest.input_size,
        labels=labels,
        not_detected=unseen,
        evaluation=_evaluation(folder / "evaluation.json"),
    )


def _evaluation(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text()) if path.stat().st_size <= _MOST_EVALUATION else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class StreamFront:
    """Streams as the routes ask for them."""

    def __init__(self, desk: StreamDesk, views: StreamViews) -> None:
        self._desk = desk
        self._views = views

    def page(self, query: StreamQuery, viewer: Viewer) -> StreamPage:
        return self._views.page(query, viewer.sees)

    def one(self, stream: str, viewer: Viewer) -> StreamAnswer:
        self._desk.find(stream, viewer.sees)
        return self._answer(stream)

    def thresholds(self, stream: str, viewer: Viewer) -> ThresholdsAnswer:
        self._desk.find(stream, viewer.sees)
        return self._views.thresholds(self._views.supervisor.streams[stream])

    def coverage(self, query: StreamQuery, viewer: Viewer) -> CoverageAnswer:
        return self._views.coverage(query, viewer.sees)

    async def add(self, body: NewStream, viewer: Viewer) -> StreamAnswer:
        entry = {key: value for key, value in _given(body).items() if value is not None}
        return self._answer(await self._desk.add(entry, client=viewer.user, limited=viewer.manages is not None))

    async def change(self, stream: str, body: StreamChange, viewer: Viewer) -> StreamAnswer:
        await self._desk.change(stream, _given(body), owner=viewer.manages)
        return self._answer(stream)

    async def remove(self, stream: str, viewer: Viewer) -> None:
        await self._desk.remove(stream, owner=viewer.manages)

    async def suspend(self, stream: str, until: float | None, viewer: Viewer) -> StreamAnswer:
        await self._desk.suspend(stream, until, by=viewer.user, owner=viewer.manages)
        return self._answer(stream)

    async def resume(self, stream: str, viewer: Viewer) -> StreamAnswer:
        await self._desk.resume(stream, by=viewer.user, owner=viewer.manages)
        return self._answer(stream)

    def snoozes(self, viewer: Viewer) -> SnoozePage:
        return SnoozePage(snoozes=self._views.snoozes(viewer.sees))

    async def snooze(self, stream: str, label: str, until: float, viewer: Viewer) -> SnoozeAnswer:
        return snooze_answer(await self._desk.snooze(stream, label, until, by=viewer.user))

    async def unsnooze(self, stream: str, label: str, viewer: Viewer) -> None:
        await self._desk.unsnooze(stream, label, by=viewer.user)

    def _answer(self, stream: str) -> StreamAnswer:
        self._desk.find(stream)
        return self._views.one(self._views.supervisor.streams[stream])


def _given(body: StreamChange) -> dict[str, Any]:
    """What the caller wrote, nulls included."""
    return {key: getattr(body, key) for key in body.model_fields_set}

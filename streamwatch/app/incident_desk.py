"""Incidents as moderators work on them: listed, claimed, marked right or wrong, looked at."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView
from streamwatch.app.desired_state import DesiredState
from streamwatch.delivery.payload import is_confirmed, is_doubted
from streamwatch.errors import RequestError, StoreError
from streamwatch.records.opinion import SecondOpinion
from streamwatch.store import opinions, reviews
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.store.reviews import Reviewed
from streamwatch.web.v1.answers import IncidentAnswer, IncidentPage, LabelOpinion, OpinionAnswer
from streamwatch.web.v1.bodies import IncidentQuery, Mark
from streamwatch.web.v1.operations import PREFIX
from streamwatch.web.v1.services import Viewer


class IncidentDesk:
    """Answers from the store. ``clock`` gives Unix seconds; everything raises RequestError, or StoreError."""

    def __init__(
        self,
        store: AlertStore,
        pictures: EvidenceStore,
        desired: DesiredState,
        log: FilteringBoundLogger,
        *,
        weights: WeightsView,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._desired = desired
        self._log = log
        self._weights = weights
        self._clock = clock

    async def page(self, query: IncidentQuery, viewer: Viewer) -> IncidentPage:
        """Those that opened last first."""
        wanted = reviews.IncidentQuery(
            state=query.state,
            stream=query.stream,
            model=query.model,
            since=None if query.since is None else query.since.timestamp(),
            before=query.cursor,
            limit=query.limit + 1,
            owned=None if viewer.sees is None else self._owned(viewer.sees),
        )
        found: list[Reviewed] = await self._store.run(partial(reviews.find, query=wanted))
        shown = found[: query.limit]
        return IncidentPage(
            incidents=await self._answers(shown),
            next=shown[-1].incident.id if len(found) > query.limit else None,
            not_detected=self._weights.unsupported,
        )

    async def one(self, incident: str, viewer: Viewer) -> IncidentAnswer:
        """One incident."""
        return await self._told(await self._visible(incident, viewer))

    async def picture(self, incident: str, viewer: Viewer) -> bytes:
        """Its picture as JPEG."""
        await self._visible(incident, viewer)
        found = await self._pictures.read(incident)
        if found is None:
            raise RequestError("argument_error", "there is no picture of this incident (any more)", status=404)
        return found

    async def claim(self, incident: str, viewer: Viewer) -> IncidentAnswer:
        """Say that the viewer is looking at it; claiming it twice is fine."""
        found = self._there(
            await self._store.run(partial(reviews.claim, incident=incident, by=viewer.user, at=self._clock())), incident
        )
        if found.review.claimed_by != viewer.user:
            raise RequestError("argument_error", f"{found.review.claimed_by} has claimed it", status=409)
        return await self._told(found)

    async def release(self, incident: str, viewer: Viewer) -> IncidentAnswer:
        """Give the viewer's claim back; admins give back anybody's."""
        anybodys = viewer.manages is None
        found = self._there(
            await self._store.run(partial(reviews.release, incident=incident, by=viewer.user, anybodys=anybodys)),
            incident,
        )
        if found.review.claimed_by is not None:
            raise RequestError("argument_error", f"{found.review.claimed_by} has claimed it, not you", status=409)
        return await self._told(found)

    async def mark(self, incident: str, body: Mark, viewer: Viewer) -> IncidentAnswer:
        """Say whether the model was right."""
        work = partial(
            reviews.mark, incident=incident, verdict=body.verdict, by=viewer.user, at=self._clock(), note=body.note
        )
        found = self._there(await self._store.run(work), incident)
        self._log.info("incident.marked", incident=incident, verdict=body.verdict, by=viewer.user)
        return await self._told(found)

    def _owned(self, client: str) -> dict[str, float]:
        """Streams of the client -> since when: what an earlier stream of that id did is not theirs to see."""
        return {one.id: one.created for one in self._desired.streams.values() if one.client == client}

    async def _visible(self, incident: str, viewer: Viewer) -> Reviewed:
        found = self._there(await self._store.run(partial(reviews.get, incident=incident)), incident)
        if viewer.sees is not None:
            since = self._owned(viewer.sees).get(found.incident.stream)
            if since is None or found.incident.opened_at < since:
                raise _unknown(incident)
        return found

    def _there(self, found: Reviewed | None, incident: str) -> Reviewed:
        if found is None:
            raise _unknown(incident)
        return found

    async def _told(self, one: Reviewed) -> IncidentAnswer:
        return (await self._answers([one]))[0]

    async def _answers(self, found: Sequence[Reviewed]) -> list[IncidentAnswer]:
        names = [one.incident.id for one in found]
        pictured = await asyncio.to_thread(self._pictured, names)
        given: dict[str, SecondOpinion] = await self._store.run(partial(opinions.of, incidents=names))
        return [self._answer(one, given.get(one.incident.id), pictured=one.incident.id in pictured) for one in found]

    def _answer(self, one: Reviewed, opinion: SecondOpinion | None, *, pictured: bool) -> IncidentAnswer:
        incident, review = one.incident, one.review
        told: dict[str, Any] = {
            name: getattr(incident, name)
            for name in ("id", "stream", "model", "label", "labels", "peak", "threshold", "close_reason", "sight")
        }
        return IncidentAnswer(
            **{**told, "labels": list(incident.labels)},
            opened_at=_any(incident.opened_at),
            updated_at=_any(incident.updated_at),
            closed_at=_any(incident.closed_at),
            weights=incident.weights,
            judged_by=incident.judged_by or incident.weights,
            snoozed=all(self._desired.snoozed(incident.stream, label) for label in incident.labels),
            second_opinion=None if opinion is None else _opinion(opinion),
            doubted=is_doubted(opinion, incident),
            confirmed=is_confirmed(opinion),
            picture=f"{PREFIX}/incidents/{incident.id}/picture" if pictured else None,
            claimed_by=review.claimed_by,
            claimed_at=_any(review.claimed_at),
            verdict=review.verdict,
            verdict_by=review.verdict_by,
            verdict_at=_any(review.verdict_at),
            note=review.note,
        )

    def _pictured(self, incidents: Sequence[str]) -> set[str]:
        """Those that have a picture; asks the disk."""
        found = set()
        for incident in incidents:
            with contextlib.suppress(StoreError, OSError):
                if self._pictures.path(incident).exists():
                    found.add(incident)
        return found


def _opinion(opinion: SecondOpinion) -> OpinionAnswer:
    told = {name: getattr(opinion, name) for name in OpinionAnswer.model_fields if name != "answers"}
    return OpinionAnswer(**told, answers=[LabelOpinion(**asdict(one)) for one in opinion.answers])


def _unknown(incident: str) -> RequestError:
    return RequestError("argument_error", f"there is no incident {incident[:40]!r}", status=404)


def _any(seconds: float | None) -> Any:
    """Unix seconds, which the answers turn into a time."""
    return seconds

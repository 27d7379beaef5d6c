"""Joins second opinions to incidents: in the alert when they come in time, in an update when they come later."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.drafts import Held
from streamwatch.delivery.payload import AlertSubject
from streamwatch.errors import StoreError
from streamwatch.records.alert import Incident, Verdict
from streamwatch.records.opinion import SecondOpinion
from streamwatch.second_opinion.adviser import Adviser, Begun, Inquiry
from streamwatch.second_opinion.options import OpinionMeters, OpinionOptions
from streamwatch.store import opinions as opinion_table
from streamwatch.store.alert_store import AlertStore
from streamwatch.streams.alert_lane import Ruling
from streamwatch.streams.definition import StreamDefinition


@dataclass(slots=True)
class _Case:
    """An open incident with an opinion, or with one to come."""

    incident: Incident
    opinion: SecondOpinion
    verdict: Verdict | None = None
    """The one that was asked about last."""
    subject: AlertSubject | None = None
    held: Held | None = None
    lapsed: bool = False
    """Its alert waits no more."""


class Opinions:
    """Between the alert lane's consumer, which calls :meth:`record` and :meth:`take` in order, and the adviser.

    An alert that waits lies in the outbox already and is due when its time is up: whatever becomes of the endpoint, of
    this class or of the process, it goes out.
    """

    def __init__(
        self,
        options: OpinionOptions | None,
        *,
        desk: AlertDesk,
        store: AlertStore,
        fetch: Callable[[str], Awaitable[bytes | None]],
        put: Callable[[Ruling], None],
        meters: OpinionMeters,
        log: FilteringBoundLogger,
    ) -> None:
        """``fetch`` gives a frame's JPEG, ``put`` hands answers to the alert lane."""
        self._desk = desk
        self._store = store
        self._fetch = fetch
        self._put = put
        self._meters = meters
        self._log = log
        self._cases: dict[str, _Case] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopped = False
        self._options: OpinionOptions | None = None
        self._adviser: Adviser | None = None
        self.follow(options)

    @property
    def warning(self) -> str | None:
        """What is wrong with the endpoint, in words; nothing else suffers from it."""
        return self._adviser.warning if self._adviser else None

    def follow(self, options: OpinionOptions | None) -> None:
        """Ask by these from now on; None: ask nobody. What was begun goes on as it was."""
        if options == self._options:
            return
        if self._adviser is not None:
            self._adviser.retire()
        self._options = options
        self._adviser = None
        if options is not None:
            self._adviser = Adviser(
                options,
                fetch=self._fetch,
                meters=self._meters,
                log=self._log,
                clock=time.monotonic,
                rng=random.Random(),  # noqa: S311 - jitter
            )
            if self._group is not None:
                self._group.create_task(self._adviser.run(), name="second opinion")

    async def load(self) -> None:
        """Remember the opinions on the incidents that are open. Raises StoreError."""
        known = {incident.id: incident for incident in await self._store.open_incidents()}
        found: dict[str, SecondOpinion] = await self._store.run(partial(opinion_table.of, incidents=list(known)))
        self._cases.update({name: _Case(known[name], opinion) for name, opinion in found.items()})

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._adviser is not None:
                group.create_task(self._adviser.run(), name="second opinion")
            await asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Answers that come from now on are dropped: what waits for them is sent as it is."""
        self._stopped = True

    async def record(
        self,
        definition: StreamDefinition,
        subject: AlertSubject,
        verdict: Verdict,
        judge_state: Mapping[str, Any] | None,
        *,
        told: bool,
    ) -> None:
        """Write a verdict down, see AlertDesk.record; ask about it when it is the kind to ask about."""
        incident = verdict.incident
        began = time.monotonic()
        begun = self._begin(definition, verdict) if told else None
        if begun is not None:
            self._cases[incident.id] = _Case(incident, begun.opinion, verdict)
        case = self._cases.get(incident.id)
        subject = subject if case is None else replace(subject, opinion=case.opinion)
        wait = 0.0 if begun is None else max(0.0, begun.wait - (time.monotonic() - began))
        held = await self._desk.record(subject, (verdict,), judge_state, told=told, hold=wait)
        if case is None:
            return
        case.incident = incident
        if begun is not None:
            case.subject, case.held = subject, held
            if case.lapsed and held is not None:  # the disk took longer than the wait
                self._desk.lapse(held)
            await self._keep(incident.id, begun.opinion)
        if incident.closed_at is not None:
            del self._cases[incident.id]

    async def take(self, verdict: Verdict, opinion: SecondOpinion) -> Verdict | None:
        """The opinion on the incident of ``verdict`` came. What is to be told besides, if anything."""
        name = verdict.incident.id
        case = self._cases.get(name)
        if case is None or case.verdict is not verdict:
            if case is None:  # it closed meanwhile: nobody is told, but whoever looks at it sees the opinion
                await self._keep(name, replace(opinion, late=True))
            return None
        held, case.held = case.held, None
        if held is not None and case.subject is not None and not case.lapsed:
            case.opinion = opinion
            if await self._desk.amend(replace(case.subject, opinion=opinion), held):
                await self._keep(name, opinion)
                return None
        case.opinion = replace(opinion, late=True)
        await self._keep(name, case.opinion)
        if opinion.outcome not in ("confirmed", "denied", "unclear"):
            return None
        return replace(
            verdict,
            event="updated",
            reason="second_opinion",
            incident=case.incident,
            score=case.incident.peak,
            frame=None,
            values={},
            first_over_received=None,
            frames=(),
        )

    def _begin(self, definition: StreamDefinition, verdict: Verdict) -> Begun | None:
        if self._adviser is None or self._stopped:
            return None
        if verdict.event != "opened" and verdict.reason != "new_label":
            return None
        incident = verdict.incident
        return self._adviser.begin(
            Inquiry(
                incident.id,
                definition.id,
                incident.labels,
                verdict.frames,
                tell=partial(self._tell, definition, verdict),
                lapsed=partial(self._lapsed, verdict),
            )
        )

    def _tell(self, definition: StreamDefinition, verdict: Verdict, opinion: SecondOpinion) -> None:
        if not self._stopped:
            self._put(Ruling(definition, (verdict,), {}, opinion))

    def _lapsed(self, verdict: Verdict) -> None:
        case = self._cases.get(verdict.incident.id)
        if case is None or case.verdict is not verdict:
            return
        case.lapsed = True
        if case.held is not None:
            self._desk.lapse(case.held)

    async def _keep(self, incident: str, opinion: SecondOpinion) -> None:
        try:
            await self._store.run(partial(opinion_table.put, incident=incident, opinion=opinion))
        except StoreError as error:  # the alert has it; whoever asks the store later does not
            self._log.warning("second_opinion.not_kept", incident=incident, reason=str(error))

"""What the routes need of the daemon; whoever builds it hands it in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from streamwatch.settings.api import Scope
from streamwatch.web.access import Client
from streamwatch.web.v1.answers import (
    CoverageAnswer,
    IncidentAnswer,
    IncidentPage,
    SnoozeAnswer,
    SnoozePage,
    StreamAnswer,
    StreamPage,
    ThresholdsAnswer,
    WeightsAnswer,
)
from streamwatch.web.v1.bodies import IncidentQuery, Mark, NewStream, StreamChange, StreamQuery


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and how far that client may look and reach."""

    user: str
    sees: str | None
    """The client whose streams and incidents alone may be seen; None: everybody's."""
    manages: str | None
    """The client whose streams alone may be changed; None: everybody's."""

    @classmethod
    def of(cls, client: Client) -> "Viewer":
        """Moderators see everything, admins change everything, others have their own."""
        everything = client.may("moderate") or client.may("admin")
        return cls(client.user, None if everything else client.user, None if client.may("admin") else client.user)


class Streams(Protocol):
    """Streams, as callers see and want them. Every method raises RequestError."""

    def page(self, query: StreamQuery, viewer: Viewer) -> StreamPage: ...
    def one(self, stream: str, viewer: Viewer) -> StreamAnswer: ...
    def thresholds(self, stream: str, viewer: Viewer) -> ThresholdsAnswer: ...
    def coverage(self, query: StreamQuery, viewer: Viewer) -> CoverageAnswer: ...
    async def add(self, body: NewStream, viewer: Viewer) -> StreamAnswer: ...
    async def change(self, stream: str, body: StreamChange, viewer: Viewer) -> StreamAnswer: ...
    async def remove(self, stream: str, viewer: Viewer) -> None: ...
    async def suspend(self, stream: str, until: float | None, viewer: Viewer) -> StreamAnswer: ...
    async def resume(self, stream: str, viewer: Viewer) -> StreamAnswer: ...
    def snoozes(self, viewer: Viewer) -> SnoozePage: ...
    async def snooze(self, stream: str, label: str, until: float, viewer: Viewer) -> SnoozeAnswer: ...
    async def unsnooze(self, stream: str, label: str, viewer: Viewer) -> None: ...


class Incidents(Protocol):
    """Incidents, and what moderators say of them. Every method raises RequestError."""

    async def page(self, query: IncidentQuery, viewer: Viewer) -> IncidentPage: ...
    async def one(self, incident: str, viewer: Viewer) -> IncidentAnswer: ...
    async def claim(self, incident: str, viewer: Viewer) -> IncidentAnswer: ...
    async def release(self, incident: str, viewer: Viewer) -> IncidentAnswer: ...
    async def mark(self, incident: str, body: Mark, viewer: Viewer) -> IncidentAnswer: ...
    async def picture(self, incident: str, viewer: Viewer) -> bytes: ...


@dataclass(frozen=True, slots=True)
class V1Services:
    """Everything behind /api/v1."""

    admit: Callable[[web.Request, Scope | None], Client]
    """Lets the caller in, or raises RequestError; a scope of None admits whoever is known."""
    streams: Streams
    incidents: Incidents
    weights: Callable[[], WeightsAnswer]
    version: str
    """Of streamwatch."""

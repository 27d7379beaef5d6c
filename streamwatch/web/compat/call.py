"""One request to the compatible API: who sends it, what it says, and how it is answered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import request_id
from streamwatch.web.compat import answers
from streamwatch.web.compat.intake import BodyReader, query_parameters, read_body
from streamwatch.web.compat.parameters import Parameters
from streamwatch.web.compat.reception import Allowance, MediaTaker, NoMedia, Pictures, Video
from streamwatch.web.compat.services import CompatServices, Limits, Scope
from streamwatch.web.keys import CLIENT, REQUEST_ID

_FETCHES: Final = 24
"""Pictures fetched from URLs at a time, each held in memory until it is whole; more wait."""
_PATIENCE: Final = 20.0


class Hall:
    """What all calls of one server share."""

    def __init__(self, services: CompatServices) -> None:
        self.services = services
        self.pictures = Allowance()
        self.unproved = Allowance()
        self.writing = asyncio.Lock()
        self.fetching = asyncio.Semaphore(_FETCHES)


class Call:
    """``open`` first: it reads the request and lets the client in. Then ``client`` and ``parameters`` are set."""

    def __init__(self, request: web.Request, hall: Hall) -> None:
        self.request, self.services, self._hall = request, hall.services, hall
        self.limits: Limits = hall.services.limits()
        self.now = hall.services.wall()
        self.id = request_id(self.now)
        request[REQUEST_ID] = self.id
        self.client = ""
        self.parameters = Parameters()
        self._scope: Scope | None = None

    def enter(self, scope: Scope) -> None:
        """Reads the query, and lets the client in at once when its credentials are there. Raises RequestError."""
        self._scope = scope
        self.parameters = query_parameters(self.request)
        if "api_user" in self.parameters and "api_secret" in self.parameters:
            self._admit()

    async def open(self, taker: MediaTaker | None = None) -> Parameters:
        """Reads the body too; after it the client is known and let in, or refused with a RequestError."""
        body = Parameters()
        await read_body(self.request, body, taker or NoMedia())
        self.parameters.merge(body)
        if not self.client:
            self._admit()
        if "workflow" in self.parameters:
            raise RequestError(
                "argument_error", "workflow is not expected: workflows are not offered by this server, name the models"
            )
        return self.parameters

    def url(self, name: str, schemes: Collection[str], *, type_: str = "argument_error") -> str:
        """The URL in the parameter ``name``, which has a value. Raises RequestError before anything is dialled."""
        url = self.parameters.text(name) or ""
        try:
            self.services.fetcher.check(url, schemes=schemes, type_=type_)
        except RequestError as error:
            raise RequestError(error.type, f"{name}: {error}", code=error.code) from error
        return url

    def pictures(self, *, bulk: bool) -> Pictures:
        """A place for the request's pictures."""
        return Pictures(self.limits, self._hall.pictures, bulk=bulk)

    def video(self) -> Video:
        """A place for the request's video."""
        return Video(self.limits, self.services.spool, self._hall.unproved, proved=bool(self.client))

    @asynccontextmanager
    async def fetching(self) -> AsyncIterator[None]:
        """A place to fetch a picture in. Raises RequestError ``usage_limit`` when none becomes free in time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._hall.fetching.acquire()
        except TimeoutError as error:
            words = f"{_FETCHES} pictures are being fetched already: try again"
            raise RequestError("usage_limit", words, retry_after=5) from error
        try:
            yield
        finally:
            self._hall.fetching.release()

    def upload(self, identity: str) -> Path:
        """The client's upload of that media id. Raises RequestError."""
        path = self.services.spool.find(identity, self.client)
        if path is None:
            raise RequestError("argument_error", f"media_id {identity} is not known: expected the id of an upload")
        return path

    def body(self) -> BodyReader:
        """The raw body."""
        return BodyReader(self.request)

    def answer(self, operations: int, rest: Mapping[str, Any]) -> web.Response:
        """Success."""
        return answers.success(self.id, self.now, operations, rest)

    async def answer_long(self, operations: int, build: Callable[[], Mapping[str, Any]]) -> web.Response:
        """Success whose document is large: built and written by a thread, one such answer at a time."""
        async with self._hall.writing:
            return await asyncio.to_thread(lambda: self.answer(operations, build()))

    def _admit(self) -> None:
        assert self._scope is not None
        user, secret = self.parameters.text("api_user"), self.parameters.text("api_secret")
        self.client = self.services.door.admit(user, secret, self._scope, remote=self.request.remote or "").user
        self.request[CLIENT] = self.client


def one_source(parameters: Parameters, names: tuple[str, ...], *, uploaded: bool, file: str) -> str:
    """Which one of ``names`` the request gives its media by. Raises RequestError when it is none, or several."""
    given = (["media"] if uploaded else []) + [name for name in names if name in parameters]
    choice = ", ".join((file, *names))
    if not given:
        raise RequestError("argument_error", f"nothing to look at: expected one of {choice}")
    if len(given) > 1:
        raise RequestError("argument_error", f"{' and '.join(given)} are given: expected only one of {choice}")
    return given[0]

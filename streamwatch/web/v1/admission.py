"""Lets callers of our own API in by their bearer token."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.settings.api import Scope
from streamwatch.web.access import Client, Doorkeeper

_ANY: Final[tuple[Scope, ...]] = ("moderate", "submit", "check")
"""Every client has one of these; who watches most asks most."""


def admission(keeper: Doorkeeper) -> Callable[[web.Request, Scope | None], Client]:
    """The client of a request that has the scope, or any for None; the access log learns its name."""

    def admit(request: web.Request, scope: Scope | None) -> Client:
        header, remote = request.headers.get("Authorization"), request.remote or ""
        if scope is not None:
            client = keeper.admit_bearer(header, scope, remote=remote)
        else:
            client = _by_any(keeper, header, remote)
        request["client"] = client
        return client

    return admit


def _by_any(keeper: Doorkeeper, header: str | None, remote: str) -> Client:
    *others, last = _ANY
    for scope in others:
        try:
            return keeper.admit_bearer(header, scope, remote=remote)
        except RequestError as error:
            if error.type != "plan_error":
                raise
    return keeper.admit_bearer(header, last, remote=remote)

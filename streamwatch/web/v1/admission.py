"""Lets callers of our own API in by their bearer token."""

from collections.abc import Callable

from aiohttp import web

from streamwatch.settings.api import Scope
from streamwatch.web.access import Client, Doorkeeper
from streamwatch.web.keys import CLIENT


def admission(keeper: Doorkeeper) -> Callable[[web.Request, Scope | None], Client]:
    """The client of a request that has the scope, or any for None; the access log learns its name."""

    def admit(request: web.Request, scope: Scope | None) -> Client:
        client = keeper.admit_bearer(request.headers.get("Authorization"), scope, remote=request.remote or "")
        request[CLIENT] = client.user
        return client

    return admit

"""Opens the HTTP listeners and closes them again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from streamwatch.errors import ConfigError, ConfigFault


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


class Listeners:
    """``async with`` serves each set of routes on its address until the block ends.

    Raises ConfigError when an address cannot be bound.
    """

    def __init__(self, sites: Sequence[tuple[Address, Iterable[web.AbstractRouteDef]]]) -> None:
        self._sites = sites
        self._runners: list[web.AppRunner] = []
        self.bound: list[tuple[str, int]] = []
        """The addresses really used, in the order of ``sites``."""

    async def __aenter__(self) -> Self:
        try:
            for address, routes in self._sites:
                await self._open(address, routes)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse new connections and end the open ones."""
        while self._runners:
            await self._runners.pop().cleanup()

    async def _open(self, address: Address, routes: Iterable[web.AbstractRouteDef]) -> None:
        app = web.Application()
        app.add_routes(list(routes))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            fault = ConfigFault(
                "configuration",
                "server.port",
                f"cannot listen on {address.host}:{address.port}: {error.strerror}",
                "Choose another host or port, or end the program that holds it.",
            )
            raise ConfigError([fault]) from error
        host, port = runner.addresses[0][:2]
        self.bound.append((str(host), int(port)))

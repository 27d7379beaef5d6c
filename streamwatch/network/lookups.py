"""Name look-ups on threads of their own, for names that strangers choose."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class Lookups(AbstractResolver):
    """Asks the system's resolver on at most ``threads`` threads; further names wait.

    A look-up cannot be interrupted, and a name's own servers decide how long it takes: on the event loop's few common
    threads, some slow names would hold up everything else that needs one.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the name. Raises OSError, or UnicodeError for what can be no name."""
        ask = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            ResolveResult(
                hostname=host,
                host=_spelt(address),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Wait for nobody; what was not begun is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _spelt(address: tuple[Any, ...]) -> str:
    """A link-local IPv6 address is one only with its interface."""
    return f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0])

"""The listening sockets of a site: how many connections there may be, and how many of one stranger."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from streamwatch.web.proxies import network_of

_REFUSED_AT_ONCE: Final = 32


class Entrance:
    """Counts the connections of one site from the moment that they are accepted: one in the middle of a TLS handshake
    holds a descriptor too.

    Of one stranger there may be ``share`` at most, so that nobody keeps all others out alone; ``trusted`` addresses,
    behind which many may stand, have no share.
    """

    def __init__(self, most: int, share: int, trusted: Callable[[str], bool]) -> None:
        self._most = most
        self._share = share
        self._trusted = trusted
        self._inside: list[tuple[socket.socket, str]] = []

    async def listen(self, host: str, port: int) -> list[socket.socket]:
        """A bound socket for each address of the host, for ``loop.create_server(sock=...)``. Raises OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        opened: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                try:
                    listening = _Listening(family, kind, protocol, admit=self._admit)
                except OSError:
                    continue  # this machine speaks no IPv6
                opened.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind(address)
        except BaseException:
            for one in opened:
                one.close()
            raise
        if not opened:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return opened

    def _admit(self, came: socket.socket, peer: str) -> bool:
        self._inside = [one for one in self._inside if one[0].fileno() != -1]
        stranger = "" if self._trusted(peer) else network_of(peer)
        if len(self._inside) >= self._most:
            return False
        if stranger and sum(one[1] == stranger for one in self._inside) >= self._share:
            return False
        self._inside.append((came, stranger))
        return True


class _Listening(socket.socket):
    """Closes at once what may not come in, before any byte of it is looked at."""

    def __init__(self, family: int, kind: int, protocol: int, *, admit: Callable[[socket.socket, str], bool]) -> None:
        super().__init__(family, kind, protocol)
        self._admit = admit

    def accept(self) -> tuple[socket.socket, Any]:
        for _ in range(_REFUSED_AT_ONCE):
            came, address = super().accept()
            if self._admit(came, str(address[0])):
                return came, address
            came.close()
        raise ConnectionAbortedError  # the event loop looks after others before it comes back

"""Dialling for libav: a name is resolved once, its addresses are checked, and only those are connected to."""

import asyncio
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from streamwatch.capture.packets.target import RELAYED, Target
from streamwatch.errors import SourceError
from streamwatch.network.guard import AddressGuard
from streamwatch.records.capture import CapturePlan

_MAX_ADDRESSES: Final = 8
_NO_ROUTE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Address:
    """A socket address that may be dialled."""

    family: int
    sockaddr: tuple[Any, ...]


async def checked_addresses(target: Target, plan: CapturePlan) -> tuple[Address, ...]:
    """What the target's name stands for. Raises SourceError ``dns``, or ForbiddenAddress for one that is not allowed.

    The answer is kept for the session, so that a name which changes its mind between two questions gains nothing.
    """
    guard = AddressGuard(origin=plan.origin, base=None, allow=plan.allow, deny_ports=plan.deny_ports, schemes=RELAYED)
    trust = guard.check_url(target.url)
    try:
        async with asyncio.timeout(plan.open_timeout):
            found = await asyncio.get_running_loop().getaddrinfo(
                target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
    except (OSError, UnicodeError):  # a timeout, too
        raise SourceError("dns", "the host's name cannot be resolved") from None
    for *_, sockaddr in found:
        guard.check_sockaddr(sockaddr, trust)
    return tuple(Address(family, sockaddr) for family, *_, sockaddr in found[:_MAX_ADDRESSES])


async def dial(addresses: Sequence[Address], *, within: float) -> socket.socket:
    """A connected socket to the first address that answers; each gets its share of ``within`` seconds.

    Raises SourceError ``refused`` or ``timeout``.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    failure = SourceError("refused", "there is no address to connect to")
    for number, address in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - number)
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(share):
                await loop.sock_connect(sock, address.sockaddr)
        except TimeoutError:
            sock.close()
            failure = SourceError("timeout", f"no connection within {within:.0f} s")
        except OSError as error:
            sock.close()
            why = "there is no route to the server" if error.errno in _NO_ROUTE else "the connection was refused"
            failure = SourceError("refused", why)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure

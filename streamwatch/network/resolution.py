"""What a name stands for, asked before somebody else dials it: a proxy looks at no rule of ours."""

import asyncio
import socket

from yarl import URL

from streamwatch.errors import SourceError
from streamwatch.network.guard import AddressGuard, Trust
from streamwatch.telemetry.redaction import redact_url


async def check_names(url: URL, guard: AddressGuard, trust: Trust, *, within: float) -> None:
    """Every address of the URL's host must be one that may be dialled. ``within``: seconds.

    Raises ForbiddenAddress, or SourceError ``dns`` when nothing can be found out: then the proxy is not asked either.
    """
    try:
        async with asyncio.timeout(within):
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, url.port or 0, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
    except (OSError, UnicodeError):  # a timeout, too
        raise SourceError("dns", f"{redact_url(str(url))}: the name cannot be resolved") from None
    for *_, address in found:
        guard.check_sockaddr(address, trust)

"""What libav cannot tell apart: a name that does not resolve, an address that is forbidden, a certificate."""

import asyncio
import socket
import ssl

from streamwatch.capture.packets.opening import Opening
from streamwatch.errors import SourceError
from streamwatch.network.guard import AddressGuard, Endpoint
from streamwatch.network.tls import client_context
from streamwatch.records.capture import CapturePlan

_TLS = frozenset({"rtmps", "rtsps"})


async def check_reachable(plan: CapturePlan, opening: Opening) -> None:
    """Resolve the host and look at its addresses. Raises SourceError ``dns`` or ForbiddenAddress."""
    if opening.host is None or opening.port is None:
        return
    try:
        async with asyncio.timeout(plan.open_timeout):
            found = await asyncio.get_running_loop().getaddrinfo(opening.host, opening.port, type=socket.SOCK_STREAM)
    except (TimeoutError, OSError, UnicodeError):
        raise SourceError("dns", "the host's name cannot be resolved") from None
    base = Endpoint(opening.scheme, opening.host, opening.port)
    guard = AddressGuard(origin=plan.origin, base=base, allow=plan.allow, deny_ports=plan.deny_ports)
    for *_, address in found:
        guard.check_sockaddr(address, "own")


async def explain(plan: CapturePlan, opening: Opening, failure: SourceError) -> SourceError:
    """libav reports a refused certificate like a closed connection: shake hands once more to tell them apart."""
    if opening.scheme not in _TLS or failure.code not in {"refused", "end_of_input", "internal"}:
        return failure
    context = client_context(verify=plan.tls_verify, ca_file=plan.ca_file)
    try:
        async with asyncio.timeout(plan.open_timeout):
            _, writer = await asyncio.open_connection(opening.host, opening.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return SourceError("tls", f"the certificate is not accepted: {error.verify_message}")
    except ssl.SSLError:
        return SourceError("tls", "no TLS connection could be made")
    except (OSError, TimeoutError):
        return failure
    writer.close()
    return failure

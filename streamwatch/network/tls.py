"""TLS as a stream asked for it: verified by default, with a CA file of its own where named."""

import ssl

from streamwatch.errors import SourceError


def client_context(*, verify: bool = True, ca_file: str | None = None) -> ssl.SSLContext:
    """A context for outgoing connections: the system's authorities, and those of ``ca_file`` besides.

    Raises SourceError ``tls`` when the file cannot be used.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SourceError("tls", f"ca_file {ca_file} cannot be used ({type(error).__name__})") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

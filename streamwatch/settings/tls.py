"""The certificate of the HTTP side: one function loads it for the check of the configuration and for the listener."""

import ssl


class CertificateError(Exception):
    """The files cannot be used together; the text says why, without their content."""


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 and newer with a chain and a key in PEM files. Raises CertificateError. Reads files: call it at start."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key must be refused: OpenSSL would ask the terminal for its password.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        words = {
            "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
            "EE_KEY_TOO_SMALL": "the key is too short to be safe",
            "NO_START_LINE": "one of them is not in PEM form",
        }.get(error.reason or "", "one of them is not in PEM form, or the key is encrypted")
        raise CertificateError(words) from None
    except OSError as error:
        raise CertificateError(f"one of them cannot be read: {error.strerror}") from None
    return context


def own_context(certificate: str) -> ssl.SSLContext:
    """For asking a server that shows this very certificate, under whatever name. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(certificate)
    except (ssl.SSLError, OSError):
        raise CertificateError("it cannot be read") from None
    return context

"""libav's exceptions as our own errors. Their texts may hold URLs with passwords, so only their types are used."""

import errno
from typing import Final

import av.error

from streamwatch.errors import SourceError

_BY_TYPE: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (av.error.TimeoutError, "timeout", "no answer in time"),
    (av.error.ConnectionRefusedError, "refused", "the connection was refused"),
    (av.error.ConnectionResetError, "refused", "the connection was reset"),
    (av.error.ConnectionAbortedError, "refused", "the connection was aborted"),
    (av.error.BrokenPipeError, "refused", "the connection was closed by the server"),
    (av.error.HTTPUnauthorizedError, "unauthorised", "the server wants other credentials"),
    (av.error.HTTPForbiddenError, "unauthorised", "the server forbids it"),
    (av.error.PermissionError, "unauthorised", "permission denied"),
    (av.error.HTTPNotFoundError, "not_found", "there is no such stream"),
    (av.error.FileNotFoundError, "not_found", "there is no such file"),
    (av.error.IsADirectoryError, "not_found", "it is a folder"),
    (av.error.HTTPServerError, "server_error", "the server has a fault"),
    (av.error.HTTPError, "http_error", "the server refused"),
    (av.error.HTTPClientError, "http_error", "the server refused the request"),
    (av.error.EOFError, "end_of_input", "the server closed without any media"),
    (av.error.InvalidDataError, "not_media", "what came is no media that can be read"),
    (av.error.DemuxerNotFoundError, "not_media", "the format is not known"),
    (av.error.ProtocolNotFoundError, "forbidden_scheme", "this build of libav does not speak the protocol"),
    (av.error.DecoderNotFoundError, "unsupported_codec", "there is no decoder for the video"),
)
_NO_ROUTE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


def while_opening(error: BaseException, *, waited: float, limit: float, scheme: str) -> SourceError:
    """``error`` came out of av.open after ``waited`` of ``limit`` seconds. ``scheme``: http for bytes fetched by us."""
    if scheme == "http" and isinstance(error, av.error.EOFError):
        return SourceError("not_media", "what came is no media that can be read")
    if scheme.startswith("rtsp") and isinstance(error, av.error.ArgumentError):
        # What libav says of a redirect that it may not follow.
        return SourceError("redirects", "the server sends readers on to another address, which is not followed")
    if isinstance(error, av.error.ExitError) or (_is_eio(error) and waited >= 0.9 * limit):
        # An RTMP server accepts whoever asks for a stream that nobody publishes, and then says nothing.
        return SourceError("timeout", f"no media within {limit:.0f} s; is the stream being published?")
    if _is_eio(error):
        return SourceError("refused", "the server closed the connection or refused the stream")
    return _translated(error)


def while_reading(error: BaseException, *, silent: float, limit: float) -> SourceError:
    """``error`` came out of the demuxer after ``silent`` seconds; libav waits about ``limit`` for bytes."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError) or (_is_eio(error) and silent >= 0.9 * limit):
        return SourceError("timeout", f"no media for {limit:.0f} s")
    if _is_eio(error):
        return SourceError("end_of_input", "the connection broke")
    return _translated(error)


def _is_eio(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EIO


def _translated(error: BaseException) -> SourceError:
    for kind, code, text in _BY_TYPE:
        if isinstance(error, kind):
            return SourceError(code, text)
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return SourceError("refused", "there is no route to the server")
    return SourceError("internal", f"libav answered {type(error).__name__}")

"""What clients are told when a worker was lost over their upload."""

from typing import Final, Literal

from streamwatch.errors import RequestError

_LOST: Final = {
    "memory": "the {what} takes more memory to decode than it may",
    "hung": "the {what} took longer than {seconds:g} s to decode",
}


def why_lost(reason: str, what: Literal["picture", "video"], seconds: float) -> RequestError:
    """The worker ended for ``reason`` while it decoded this. It is not tried again."""
    text = _LOST.get(reason, "the {what} made its decoder fail: it is damaged or made to do harm")
    return RequestError("media_error", text.format(what=what, seconds=seconds))


def stopping() -> RequestError:
    """The daemon ends."""
    return RequestError("api_error", "the daemon is stopping", retry_after=5.0)

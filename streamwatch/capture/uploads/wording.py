"""What clients are told when a worker was lost over their upload."""

from streamwatch.capture.uploads.refusal import Upload, too_fat
from streamwatch.errors import RequestError


def why_lost(reason: str, what: Upload, seconds: float) -> RequestError:
    """The worker ended for ``reason`` while it decoded this. It is not tried again."""
    text = f"the {what} made its decoder fail: it is damaged or made to do harm"
    if reason == "memory":
        text = too_fat(what)
    elif reason == "hung":
        text = f"the {what} took longer than {seconds:g} s to decode"
    return RequestError("media_error", text)


def stopping() -> RequestError:
    """The daemon ends."""
    return RequestError("api_error", "the daemon is stopping", retry_after=5.0)

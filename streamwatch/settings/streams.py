"""One ``[[streams]]`` entry."""

import json
from datetime import date, time
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from streamwatch.records.capture import SamplingMode
from streamwatch.settings.credentials import HttpUrl, Secret, SourceUrl
from streamwatch.settings.quantities import Duration, StreamId, refusal
from streamwatch.settings.table import Auto, Change, File, Headers, Table, within
from streamwatch.settings.thresholds import Thresholds

_MOST_CONTEXT: Final = 16 * 1024
_MOST_HEADER: Final = 16 * 1024
_MOST_HEADERS: Final = 32 * 1024
"""Bytes of all names and values together, as JSON: a plan has to fit into one message to a capture worker."""

Interval = Annotated[Duration, AfterValidator(within("500ms", "60s", 0.5, 60.0))]
Patience = Annotated[Duration, AfterValidator(within("1s", "5m", 1.0, 300.0))]
RenditionHeight = Annotated[int, Field(ge=64, le=4320)]
UserAgent = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,200}$")]


_UPLOADS: Final = "api"
"""What the series of uploads are called: a stream of that name would be mixed with them."""


def _free(value: str) -> str:
    if value == _UPLOADS:
        raise refusal(f"{value!r} is what metrics call the uploads of the API", "Choose another id.")
    return value


def _context(value: dict[str, Any]) -> dict[str, Any]:
    def refuse(item: object) -> str:
        words = "a date or time" if isinstance(item, date | time) else "a value"
        raise refusal(f"holds {words} that JSON cannot hold", "Write it as a text, in quotes.")

    try:
        size = len(json.dumps(value, default=refuse, allow_nan=False))
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise refusal("holds a number that JSON cannot hold", "Leave inf and nan out.") from None
    if size > _MOST_CONTEXT:
        raise refusal("is larger than 16 KiB", "Keep it small: it travels with every alert.")
    return value


def _sendable(value: dict[str, Secret]) -> dict[str, Secret]:
    for name, secret in value.items():
        if len(json.dumps(secret.reveal())) > _MOST_HEADER:
            raise refusal(f"the value of {name[:80]} is larger than 16 KiB", "Servers refuse such a header.")
    if len(json.dumps({name: secret.reveal() for name, secret in value.items()})) > _MOST_HEADERS:
        raise refusal(
            "are larger than 32 KiB together", "Servers refuse so many headers; keep what the origin asks for."
        )
    return value


class StreamTable(Table):
    """One stream to be watched. Keys without a default of their own take that of [capture] or [network]."""

    id: Annotated[StreamId, AfterValidator(_free), Change.STREAM]
    """What metrics, alerts and topics call it: lower-case letters, digits, - and _, at most 63; not "api"."""
    url: Annotated[SourceUrl, Change.STREAM]
    """Where it is read: http(s) (HLS, HTTP-FLV), rtmp(s), rtsp(s), srt or file; takes the forms of a secret."""
    title: Annotated[str | None, Field(min_length=1, max_length=200), Change.LIVE] = None
    """For people; the id when left out."""
    context: Annotated[dict[str, Any], AfterValidator(_context), Change.LIVE] = Field(default_factory=dict)
    """Returned unchanged in every alert of the stream; at most 16 KiB of JSON."""
    suspended: Annotated[bool, Change.LIVE] = False
    """True: known, but not watched; its time does not count as expected."""
    interval: Annotated[Interval | None, Change.STREAM] = None
    """Look at one picture this often, 0.5 to 60 s."""
    sampling: Annotated[SamplingMode | None, Change.STREAM] = None
    """"auto", "keyframes" or "full", see [capture]."""
    rendition_height: Annotated[Auto[RenditionHeight], Change.STREAM] = None
    """Lines of the smallest rendition to take, see [capture]."""
    headers: Annotated[Headers, AfterValidator(_sendable), Change.STREAM] = Field(default_factory=dict)
    """HTTP headers, sent only to the URL's own scheme, host and port; each value takes the forms of a secret."""
    user_agent: Annotated[UserAgent | None, Change.STREAM] = None
    """See [network]."""
    proxy: Annotated[HttpUrl | None, Change.STREAM] = None
    """See [network]."""
    ca_file: Annotated[File | None, Change.STREAM] = None
    """Certificates to trust instead of the system's."""
    tls_verify: Annotated[bool, Change.STREAM] = True
    """False accepts any certificate: for a test, never for good."""
    open_timeout: Annotated[Patience | None, Change.STREAM] = None
    """See [capture]."""
    read_timeout: Annotated[Patience | None, Change.STREAM] = None
    """See [capture]."""
    stall_after: Annotated[Patience | None, Change.STREAM] = None
    """See [capture]."""
    paced: Annotated[bool, Change.STREAM] = True
    """Read finite sources (files, VOD) at their own pace; false reads them as fast as possible."""
    thresholds: Annotated[Thresholds, Change.LIVE] = Field(default_factory=dict)
    """Overrides of [thresholds] for this stream, label by label."""

"""How libav opens each kind of source: options, timeouts, and only the protocols that the scheme needs."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import av
from av.container import InputContainer

from streamwatch.capture.packets.target import Target
from streamwatch.errors import SourceError
from streamwatch.records.capture import CapturePlan
from streamwatch.telemetry.redaction import redact_url

_PROTOCOLS: Final = {
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tls,tcp",
    # Without their own names: so libav does not follow redirects, which may lead anywhere.
    "rtsp": "rtp,tcp",
    "rtsps": "rtp,tls,tcp",
    "srt": "srt",
    "file": "file",
}
_RELAYED_PROTOCOLS: Final = {"rtmp": "rtmp,tcp", "rtsp": "tcp"}
_FORMATS: Final = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp", "srt": "mpegts"}
_FILE_FORMATS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,flv,avi,mpeg,h264,hevc"
"""No playlists among them: a file must not lead to other files."""
_SYSTEM_CA: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_PROBE: Final = {"probesize": "200000", "analyzeduration": "500000", "codec_whitelist": "none"}
"""Bytes and microseconds: an RTMP open with its first keyframe takes 0.7 s instead of 1.6 to 2.9. Without a decoder
nothing is decoded while probing, which spares 30 ms of CPU and some MB per stream; the size may be unknown then."""
PATIENCE: Final = 12.0
_PATIENT_PROBE: Final = _PROBE | {"probesize": "1000000", "analyzeduration": str(int(PATIENCE * 1_000_000))}
"""For servers that send sound at once and the video from its next keyframe on; ends when both are there."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is handed to av.open. Holds the URL with its credentials."""

    target: Any
    """A URL, or an object with ``read``."""
    scheme: str
    format: str | None
    options: dict[str, str] = field(repr=False)
    open_timeout: float = 10.0
    read_timeout: float = 10.0
    live: bool = True
    host: str | None = None
    port: int | None = None

    def patient(self) -> "Opening | None":
        """How to look for video once more when the first look found none; None where that makes no sense."""
        if self.scheme not in {"rtmp", "rtmps"}:
            return None
        return replace(self, options=self.options | _PATIENT_PROBE)

    def open(self) -> InputContainer:
        """Open it; blocks for at most the timeouts, as far as libav keeps them. Raises libav's errors."""
        # PyAV's own read timeout takes the GIL each time that libav looks whether it should go on waiting, which is a
        # third of the cost of reading RTMP; the socket's timeout (rw_timeout) costs nothing.
        container: InputContainer = av.open(
            self.target,
            "r",
            format=self.format,
            options=dict(self.options),
            timeout=(self.open_timeout, None),
        )
        return container


def read_timeout_of(plan: CapturePlan) -> float:
    """Seconds; long enough for the stream to count as stalled before its session is given up."""
    return max(plan.read_timeout, plan.stall_after + 2.0)


def opening_of(plan: CapturePlan) -> Opening:
    """How to open the plan's URL or file. Raises SourceError when it may not be opened or is no URL."""
    parts = _parts(plan.url)
    scheme = parts.scheme.lower() or "file"
    if scheme not in _PROTOCOLS:
        raise SourceError("forbidden_scheme", f"{redact_url(plan.url)[:200]} is not read: unknown scheme")
    if plan.origin != "operator":
        raise SourceError("forbidden_scheme", f"{scheme} URLs are read only when they stand in the configuration")
    options = {"protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme == "file":
        options["format_whitelist"] = _FILE_FORMATS
        # The prefix keeps libav from seeing a protocol in a file's name, as in ``concat:a|b``.
        target = "file:" + (parts.path if parts.scheme else plan.url)
        return Opening(target, scheme, None, options, plan.open_timeout, read_timeout_of(plan), live=False)
    if not parts.hostname:
        raise SourceError("bad_url", f"{redact_url(plan.url)[:200]} names no host")
    options |= _PROBE | _of_scheme(scheme, plan)
    return Opening(
        plan.url,
        scheme,
        _FORMATS[scheme],
        options,
        plan.open_timeout,
        read_timeout_of(plan),
        host=parts.hostname,
        port=_port(parts),
    )


def opening_of_relay(plan: CapturePlan, target: Target, port: int) -> Opening:
    """How to open the target through a relay of this process on ``port`` of 127.0.0.1.

    The origin's rules are the relay's affair; libav itself gets no protocol that would serve it elsewhere.
    """
    scheme = target.plain
    options = _PROBE | _of_scheme(scheme, plan) | {"protocol_whitelist": _RELAYED_PROTOCOLS[scheme]}
    options["format_whitelist"] = _FORMATS[scheme]
    if scheme == "rtmp":
        options["rtmp_tcurl"] = target.tc_url()
        # Bound to loopback, its socket cannot leave this machine, should it ever be told to connect elsewhere.
        options["local_addr"] = "127.0.0.1"
    return Opening(target.local_url(port), scheme, _FORMATS[scheme], options, plan.open_timeout, read_timeout_of(plan))


def opening_of_bytes(plan: CapturePlan, pipe: object, *, container: str | None, live: bool) -> Opening:
    """How to open bytes that somebody else fetches: libav itself may reach nothing."""
    options = {"protocol_whitelist": "none", "format_whitelist": _FILE_FORMATS}
    if live:
        options |= _PATIENT_PROBE if container == "flv" else _PROBE
    return Opening(pipe, "http", container, options, plan.open_timeout, read_timeout_of(plan), live=live)


def _of_scheme(scheme: str, plan: CapturePlan) -> dict[str, str]:
    options: dict[str, str] = {}
    if scheme.startswith("rtmp"):
        options |= {"rtmp_live": "live", "rw_timeout": str(int(read_timeout_of(plan) * 1_000_000))}
    elif scheme.startswith("rtsp"):
        options |= {"rtsp_transport": "tcp", "timeout": str(int(plan.open_timeout * 1_000_000))}
        if plan.user_agent:
            options["user_agent"] = plan.user_agent
    elif scheme == "srt":
        options |= {
            "connect_timeout": str(int(plan.open_timeout * 1000)),
            "timeout": str(int(read_timeout_of(plan) * 1_000_000)),
        }
    if scheme in {"rtmps", "rtsps"}:
        options["tls_verify"] = "1" if plan.tls_verify else "0"
        authorities = plan.ca_file or _system_authorities()
        if authorities is not None:
            options["ca_file"] = authorities
    return options


def _system_authorities() -> str | None:
    # They differ between distributions, and libav would trust whoever answers when it is given none.
    return next((path for path in _SYSTEM_CA if Path(path).is_file()), None)


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise SourceError("bad_url", f"not a URL: {redact_url(url)[:200]}") from None


def _port(parts: SplitResult) -> int:
    defaults = {"rtmp": 1935, "rtmps": 443, "rtsp": 554, "rtsps": 322}
    try:
        port = parts.port
    except ValueError:
        raise SourceError("bad_url", "the URL's port is no port") from None
    return port or defaults.get(parts.scheme.lower(), 0)

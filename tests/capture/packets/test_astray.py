"""Servers that send readers elsewhere: libav connects to the relay alone, and the stream ends in words."""

from collections.abc import Callable

import pytest

from streamwatch.capture.packets.opening import opening_of
from streamwatch.capture.packets.relayed_source import RelayedSource
from streamwatch.capture.packets.source import PacketSource
from streamwatch.records.capture import CapturePlan
from tests.capture.note_desk import NoteDesk, decoders, end_of
from tests.capture.packets.hostile import Listener, RtmpServer, RtspScript, amf
from tests.rtsp import SDP


def plan(url: str, **more: object) -> CapturePlan:
    settings = {"origin": "api", "open_timeout": 2.0, "read_timeout": 1.5, "stall_after": 1.0, **more}
    return CapturePlan(stream="s", session=1, url=url, interval=1.0, allow=("127.0.0.0/8",), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("command", ["_error", "_result", "close", "onStatus"])
async def test_rtmp_redirects_lead_nowhere(command: str) -> None:
    async with Listener() as elsewhere, decoders() as pool:
        url = f"rtmp://127.0.0.1:{elsewhere.port}/live/a"
        rejected = {
            "level": "error",
            "code": "NetConnection.Connect.Rejected",
            "description": f"[ code=302 redirect={url} ]",
            "ex": {"code": 302, "redirect": url},
        }
        async with RtmpServer(amf(command, 1, None, rejected)) as server:
            the_plan = plan(f"rtmp://user:secret@127.0.0.1:{server.port}/live/key-secret")
            error = await end_of(RelayedSource(the_plan, NoteDesk(), pool))
        assert elsewhere.visits == 0
        assert len(server.connects) == 1
        assert "secret" not in str(error)


def script(trick: str, elsewhere: int) -> Callable[[str, str], bytes]:
    """An RTSP server that is honest but for one trick."""
    url = f"rtsp://127.0.0.1:{elsewhere}/x"
    control = f"a=control:{url}"
    sdp = SDP.replace("a=control:track0", f"{control}/track0").replace(
        "t=0 0", f"c=IN IP4 127.0.0.1\r\nt=0 0\r\n{control}"
    )

    def answer(status: str, number: str, *lines: str, body: str = "") -> bytes:
        length = [f"Content-Length: {len(body)}"] if body else []
        return ("\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {number}", *lines, *length]) + "\r\n\r\n" + body).encode()

    def reply(method: str, number: str) -> bytes:
        if trick == method:
            return answer("302 Found", number, f"Location: {url}")
        if trick == "torn" and method == "DESCRIBE":
            # A packet too short for libav between two answers, whose rest would read as a redirect.
            hidden = answer("302 Found", number, f"Location: {url}")
            return b"$\0\0\4abcd" + b"$\0" + len(hidden).to_bytes(2, "big") + hidden + hidden
        if method == "DESCRIBE":
            before = (
                f"REDIRECT {url} RTSP/1.0\r\nCSeq: 9\r\nLocation: {url}\r\n\r\n".encode() if trick == "order" else b""
            )
            return before + answer("200 OK", number, f"Content-Base: {url}/", "Content-Type: application/sdp", body=sdp)
        if method == "SETUP":
            lower = "UDP" if trick == "udp" else "TCP"
            where = f"source=127.0.0.1;destination=127.0.0.1;server_port={elsewhere}-{elsewhere + 1}"
            return answer("200 OK", number, "Session: 1", f"Transport: RTP/AVP/{lower};unicast;interleaved=0-1;{where}")
        return answer("200 OK", number, "Public: DESCRIBE, SETUP, PLAY")

    return reply


@pytest.mark.parametrize("trick", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "order", "torn", "udp", "addresses"])
async def test_rtsp_tricks_lead_nowhere(trick: str) -> None:
    async with Listener() as elsewhere, decoders() as pool:
        async with RtspScript(script(trick, elsewhere.port)) as server:
            the_plan = plan(f"rtsp://user:secret@127.0.0.1:{server.port}/cam?key=secret")
            error = await end_of(RelayedSource(the_plan, NoteDesk(), pool))
        assert elsewhere.visits == 0
        assert server.requests
        assert "secret" not in str(error)
        if trick in {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "order", "torn"}:
            assert error.code == "redirects"
        else:
            assert error.code == "timeout" if trick == "addresses" else error.code == "not_media"


@pytest.mark.parametrize("trick", ["OPTIONS", "DESCRIBE"])
async def test_an_operators_rtsp_stream_is_not_redirected_either(trick: str) -> None:
    async with Listener() as elsewhere, decoders() as pool:
        async with RtspScript(script(trick, elsewhere.port)) as server:
            the_plan = plan(f"rtsp://127.0.0.1:{server.port}/cam", origin="operator")
            error = await end_of(PacketSource(the_plan, NoteDesk(), pool, opening_of(the_plan)))
        assert elsewhere.visits == 0
        assert error.code == "redirects"

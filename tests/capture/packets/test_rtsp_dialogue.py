"""What an RTSP server says is written anew before libav reads it."""

import pytest

from streamwatch.capture.packets.rtsp_dialogue import RtspDialogue
from streamwatch.errors import SourceError

LOCAL, BASE = "rtsp://127.0.0.1:9", "rtsps://cam.example:322"


def dialogue(*, playing: bool = False) -> RtspDialogue:
    made = RtspDialogue(LOCAL, BASE)
    if playing:
        made.to_server(f"PLAY {LOCAL}/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
    return made


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_however_it_is_torn(step: int) -> None:
    media = b"$\0\0\x0c" + b"RTSP/1.0 302"
    said = (
        b"\r\nRTSP/1.0 200 Fine\nCSeq:1\r\nLocation: rtsp://x/\r\nServer: WMServer/9\r\nContent-length: 4\r\n\r\nv=0\n"
        + media
        + b"SET_PARAMETER rtsp://x RTSP/1.0\r\nCSeq: 2\r\n folded: line\r\nSession: a\x85b\r\n\r\n"
    )
    talk = dialogue(playing=True)
    heard = b"".join(talk.to_libav(said[at : at + step]) for at in range(0, len(said), step))
    assert heard == (
        b"RTSP/1.0 200 -\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nv=0\n"
        + media
        + b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 2\r\nSession: a\x85b\r\n\r\n"
    )


@pytest.mark.parametrize("status", ["300", "301", "302", "305", "399"])
def test_redirects_do_not_pass(status: str) -> None:
    with pytest.raises(SourceError) as caught:
        dialogue().to_libav(f"RTSP/1.0 {status} Go\r\nLocation: rtsp://secret@x/\r\n\r\n".encode())
    assert caught.value.code == "redirects"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.0 302 Found\r\nLocation: http://x/\r\n\r\n",
        b"RTSP/1.0 2000 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nPublic: a\0b\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nPublic: " + b"a" * 4000 + b"\r\n\r\n",
        b"RTSP/1.0 200 OK\rCSeq: 1\r\n\r\n",
        b"a" * 40_000,
        b"\x03" + bytes(40_000),
    ],
)
def test_what_is_no_rtsp_does_not_pass(said: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        dialogue().to_libav(said)
    assert caught.value.code == "not_media"


def test_media_before_play_and_packets_that_libav_stumbles_over_are_left_out() -> None:
    rtp, short = b"$\0\0\x0c" + bytes(12), b"$\0\0\x04abcd"
    assert dialogue().to_libav(rtp) == b""
    assert dialogue(playing=True).to_libav(short + rtp + short) == rtp


def test_libavs_requests_name_the_server() -> None:
    talk = dialogue()
    report = b"$\1\0\x08" + bytes(8)
    assert talk.to_server(report + f"SETUP {LOCAL}/cam/t0 RTSP/1.0\r\nCSeq: 3\r\n\r\n".encode()) == (
        report + f"SETUP {BASE}/cam/t0 RTSP/1.0\r\nCSeq: 3\r\n\r\n".encode()
    )
    for kept in (
        f'PLAY {LOCAL}/cam RTSP/1.0\r\nCSeq: 4\r\nAuthorization: Digest uri="{LOCAL}/cam"\r\n\r\n',
        "PLAY rtsp://other/cam RTSP/1.0\r\nCSeq: 4\r\n\r\n",
        f"PLAY {LOCAL}99/cam RTSP/1.0\r\nCSeq: 4\r\n\r\n",
        "RTSP/1.0 501 Not Implemented\r\nCSeq: 9\r\n\r\n",
    ):
        assert talk.to_server(kept.encode()) == kept.encode()

"""A small RTSP server (RFC 2326, interleaved over TCP) whose RTP packets are made by libav, for one live clip."""

import asyncio
import base64
import struct
import threading
import time
from pathlib import Path
from typing import Self

import av

_SDP_LINES = (
    "v=0",
    "o=- 0 0 IN IP4 127.0.0.1",
    "s=clip",
    "t=0 0",
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 H264/90000",
    "a=fmtp:96 packetization-mode=1{sets}",
    "a=control:track0",
    "",
)
SDP = "\r\n".join(_SDP_LINES).format(sets="")


def described(clip: Path) -> str:
    """The SDP with the clip's parameter sets."""
    with av.open(str(clip), "r") as source:
        extradata = source.streams.video[0].codec_context.extradata or b""
    length = int.from_bytes(extradata[6:8], "big")
    sps, rest = extradata[8 : 8 + length], extradata[8 + length :]
    pps = rest[3 : 3 + int.from_bytes(rest[1:3], "big")]
    sets = ",".join(base64.b64encode(one).decode() for one in (sps, pps))
    return "\r\n".join(_SDP_LINES).format(sets=f";sprop-parameter-sets={sets}")


class RtspServer(asyncio.DatagramProtocol):
    """Plays ``clip`` over and over at its own pace to whoever asks; ``async with``."""

    def __init__(self, clip: Path) -> None:
        self._clip = clip
        self._sdp = described(clip)
        self._playing: set[asyncio.StreamWriter] = set()
        self._stop = threading.Event()
        self.port = 0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"rtsp://user:pw@127.0.0.1:{self.port}/cam"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        rtp_port = self._transport.get_extra_info("sockname")[1]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._mux, args=(rtp_port,), name="rtsp-clip")
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 5.0)
        self._server.close()
        for writer in self._playing:
            writer.close()
        self._transport.close()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """An RTP packet from libav goes out interleaved on channel 0; RTCP (200-204) stays here."""
        if 200 <= data[1] <= 204:
            return
        for writer in self._playing:
            writer.write(struct.pack("!cBH", b"$", 0, len(data)) + data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
                self._answer(head.lstrip("$\0"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._playing.discard(writer)
            writer.close()

    def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        method = head.split(" ", 1)[0]
        self.requests.append(method)
        sequence = next(line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("cseq"))
        lines, body = [f"CSeq: {sequence}", "Session: 1"], ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = self._sdp
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        writer.write(("\r\n".join(["RTSP/1.0 200 OK", *lines]) + "\r\n\r\n" + body).encode())
        if method == "PLAY":
            self._playing.add(writer)

    def _mux(self, port: int) -> None:
        with av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp") as output:
            outgoing = None
            offset, began = 0.0, time.monotonic()
            while not self._stop.is_set():
                end = offset
                with av.open(str(self._clip), "r") as source:
                    outgoing = outgoing or output.add_stream_from_template(source.streams.video[0])
                    for packet in source.demux(video=0):
                        if not packet.size:
                            continue
                        assert packet.pts is not None
                        assert packet.time_base is not None
                        at = offset + float(packet.pts * packet.time_base)
                        end = max(end, at + 1 / 12)
                        if self._stop.wait(max(0.0, began + at - time.monotonic())):
                            return
                        packet.pts = packet.dts = round(at / packet.time_base)
                        packet.stream = outgoing
                        output.mux(packet)
                offset = end

"""An RTMP publisher in a process of its own: a clip's packets, muxed to FLV in real time, over and over."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt


def write_clip(
    path: Path, pictures: Sequence[npt.NDArray[np.uint8]], *, fps: int = 10, keyframe_every: int = 10
) -> Path:
    """Encode RGB pictures of one even size as H.264 (no B-frames) into ``path``; its suffix names the container."""
    height, width, _ = pictures[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(keyframe_every), "sc_threshold": "0"}
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def publish(url: str, clip: Path, *, loops: int, stop: threading.Event) -> None:
    """Send ``clip`` ``loops`` times (0: until ``stop``) at its own pace; prints ``publishing`` once it flows."""
    with av.open(url, "w", format="flv", options={"rtmp_live": "live"}, timeout=5.0) as output:
        started: float | None = None
        outgoing: av.VideoStream | None = None
        offset, turn = 0.0, 0
        while not stop.is_set() and (loops == 0 or turn < loops):
            turn += 1
            end = offset
            with av.open(str(clip)) as source:
                incoming = source.streams.video[0]
                outgoing = outgoing or output.add_stream_from_template(incoming)
                for packet in source.demux(incoming):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    base = packet.time_base
                    now = offset + float(packet.dts * base)
                    end = max(end, offset + float((packet.pts + (packet.duration or 1)) * base))
                    started = started or time.monotonic() - now
                    if stop.wait(max(0.0, started + now - time.monotonic())):
                        break
                    packet.dts += round(offset / base)
                    packet.pts += round(offset / base)
                    packet.stream = outgoing
                    output.mux(packet)
                    if turn == 1 and now == 0.0:
                        sys.stdout.write("publishing\n")
                        sys.stdout.flush()
            offset = end


def main() -> None:
    """``python -m tests.publisher URL CLIP [--loops N]``; SIGTERM says goodbye to the server, SIGKILL does not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--loops", type=int, default=0)
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    publish(arguments.url, arguments.clip, loops=arguments.loops, stop=stop)


if __name__ == "__main__":
    main()

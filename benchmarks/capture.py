"""Cost of watching a live 1080p stream, against one ffmpeg process per stream; `python -m benchmarks.capture`.

Every phase runs N streams through the capture pool and a few ffmpeg processes on the same 1080p stream at the same
time, so that whatever else the machine does meets both. Counted: CPU time of the pool's parent and of its workers, of
ffmpeg, over one window; inference, nginx and publishers are not. The pool looks at each keyframe (one in 2 s).
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import structlog

from benchmarks.footage import keyframe_bytes, write_clips
from benchmarks.measure import report
from streamwatch.capture.pool import CapturePool, PoolOptions
from streamwatch.records.capture import CapturePlan, Finished, Missed
from tests.peers import Nginx, Peers

INTERVAL = 2.0
AIMS = {"hls_480p": 40.0, "hls_1080p": 8.0, "rtmp": 7.0}
MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS="avc1.640028,mp4a.40.2"
/hls/1080.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1400000,RESOLUTION=854x480,CODECS="avc1.64001f,mp4a.40.2"
/hls/480.m3u8
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """What the pool reads, and what ffmpeg reads beside it."""

    name: str
    pool_url: str
    ffmpeg_url: str


class Pool:
    """A running pool with N sessions of one URL."""

    def __init__(self, streams: int, workers: int) -> None:
        self.streams = streams
        self.frames: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.faults: Counter[str] = Counter()
        self.pool = CapturePool(
            PoolOptions(workers=workers, decoder_threads=2),
            on_frame=self._frame,
            on_event=self._event,
            on_health=lambda _: None,
            on_restart=lambda reason: self.faults.update([f"worker {reason}"]),
            log=structlog.wrap_logger(
                structlog.PrintLogger(sys.stderr), wrapper_class=structlog.make_filtering_bound_logger(30)
            ),
        )

    def _frame(self, frame: Any) -> None:
        self.frames[frame.stream] += 1
        self.latencies.append(time.monotonic() - frame.received)

    def _event(self, event: Any) -> None:
        if isinstance(event, Finished) and event.code != "stopped":
            self.faults[f"finished {event.code}"] += 1
        elif isinstance(event, Missed):
            self.faults[f"missed {event.reason}"] += event.count

    @contextlib.asynccontextmanager
    async def watching(self, url: str) -> AsyncIterator[None]:
        running = asyncio.create_task(self.pool.run())
        try:
            await asyncio.wait_for(self.pool.ready(), 30)
            for number in range(self.streams):
                plan = CapturePlan(stream=f"s{number}", session=1, url=url, interval=INTERVAL, allow=("127.0.0.0/8",))
                self.pool.start(plan)
                # Started together they would all poll at the same moment, which no fleet does.
                await asyncio.sleep(INTERVAL / self.streams)
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@contextlib.asynccontextmanager
async def ffmpegs(count: int, url: str) -> AsyncIterator[list[psutil.Process]]:
    """As many ffmpeg processes as streams, each giving one picture a second."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1", "-i", url]
    command += ["-an", "-vf", "fps=1", "-f", "rawvideo", "-y", "/dev/null"]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(count)]
    try:
        yield [psutil.Process(process.pid) for process in processes]
        if any(process.returncode is not None for process in processes):
            raise SystemExit("an ffmpeg process ended early: no comparison")
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def cpu_of(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))


def pss_of(processes: list[psutil.Process]) -> float:
    """Proportional set size in MB: pages that processes share are counted once."""
    return float(sum(process.memory_full_info().pss for process in processes)) / 1e6


async def measure(
    phase: Phase, *, streams: int, rivals: int, workers: int, warm_up: float, seconds: float
) -> dict[str, Any]:
    """One phase."""
    pool = Pool(streams, workers)
    async with pool.watching(phase.pool_url), ffmpegs(rivals, phase.ffmpeg_url) as others:
        await asyncio.sleep(warm_up)
        ours = [psutil.Process(pid) for pid in pool.pool.pids.values()]
        pool.frames.clear()
        pool.latencies.clear()
        began, parent, children, rival = time.monotonic(), sum(os.times()[:2]), cpu_of(ours), cpu_of(others)
        await asyncio.sleep(seconds)
        window = time.monotonic() - began
        parent, children, rival = sum(os.times()[:2]) - parent, cpu_of(ours) - children, cpu_of(others) - rival
        frames = sum(pool.frames.values())
        expected = window / INTERVAL
        result = {
            "ms_per_stream_second": round((parent + children) / streams / window * 1000, 2),
            "of_which_parent": round(parent / streams / window * 1000, 2),
            "ffmpeg_ms_per_stream_second": round(rival / rivals / window * 1000, 1),
            "frames_of_expected": round(frames / (streams * expected), 3),
            "fewest_frames_of_expected": round(min(pool.frames[f"s{n}"] for n in range(streams)) / expected, 3),
            "latency_p50": round(statistics.median(pool.latencies), 3) if pool.latencies else None,
            "pss_mb_per_stream": round(pss_of(ours) / streams, 2),
            "pss_mb_workers": round(pss_of(ours), 1),
            "ffmpeg_pss_mb_per_stream": round(pss_of(others) / rivals, 1),
            "faults": dict(pool.faults),
        }
    result["ratio"] = round((rival / rivals) / ((parent + children) / streams), 1)
    return result


async def publish(peers: Peers, nginx: Nginx, clips: dict[str, Path]) -> None:
    """Both renditions over RTMP, over and over; nginx writes the HLS."""
    for name, clip in clips.items():
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(clip)]
        command += ["-c", "copy", "-f", "flv", nginx.rtmp_url(name)]
        await peers.process(command, f"publisher-{name}")
    (nginx.www / "master.m3u8").write_text(MASTER)
    async with asyncio.timeout(60):
        while not all((nginx.hls / f"{name}.m3u8").exists() for name in clips):  # noqa: ASYNC110 - nginx tells nobody
            await asyncio.sleep(0.2)


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All phases."""
    with tempfile.TemporaryDirectory(prefix="streamwatch-benchmark-") as folder:
        clips = await asyncio.to_thread(write_clips, Path(folder), 12)
        async with Peers(Path(folder)) as peers:
            nginx = await peers.nginx(fragment=2.0, playlist=20.0)
            await publish(peers, nginx, clips)
            phases = (
                Phase("hls_480p", nginx.url("master.m3u8"), nginx.hls_url("1080")),
                Phase("hls_1080p", nginx.hls_url("1080"), nginx.hls_url("1080")),
                Phase("rtmp", nginx.rtmp_url("1080"), nginx.rtmp_url("1080")),
            )
            results = {
                phase.name: await measure(
                    phase,
                    streams=arguments.streams,
                    rivals=arguments.rivals,
                    workers=arguments.workers,
                    warm_up=arguments.warm_up,
                    seconds=arguments.seconds,
                )
                for phase in phases
                if arguments.only in {None, phase.name}
            }
        keyframe = {name: round(keyframe_bytes(clip) / 1000) for name, clip in clips.items()}
    return {
        "ratios": {name: result["ratio"] for name, result in results.items()},
        "aims": AIMS,
        "streams": arguments.streams,
        "seconds": arguments.seconds,
        "cores": os.cpu_count(),
        "keyframe_kilobytes": keyframe,
        **results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture against one ffmpeg process per stream.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=24.0, help="length of each of the three windows")
    parser.add_argument("--warm-up", type=float, default=10.0)
    parser.add_argument("--rivals", type=int, default=2, help="ffmpeg processes beside each phase")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=sorted(AIMS))
    arguments = parser.parse_args()
    report(asyncio.run(run(arguments)), as_json=arguments.json)


if __name__ == "__main__":
    main()

"""CPU time of one image through the HTTP API, against a loop that does nothing else; `python -m benchmarks.api`.

The daemon runs as a real process on a configuration file and watches live HLS streams all the while. Clients in a
process of their own post pictures one after the other. Between the stretches of load there are idle ones, and turns of
the loop in a third process: what the streams take by themselves is taken away, and both sides meet the same machine.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.api_figures import (
    Answer,
    Stretch,
    Watched,
    coverage,
    coverage_under_load,
    cpu_per_image,
    figure,
    lowest_coverage,
    percentile,
    within,
)
from benchmarks.capture import publish
from benchmarks.footage import write_clips
from benchmarks.measure import report
from benchmarks.photographs import write_photographs
from benchmarks.talker import Talker, talking
from tests.end_to_end.daemon import Daemon
from tests.peers import Peers

CLIENTS: Final = (1, 8, 64)
BATCHES: Final = (1, 2, 4, 8, 16, 32)
AIMS: Final = {"images_c64": 0.8}
USER, SECRET = "bench", "only-for-the-benchmark"
COMPUTED: Final = (
    "ratio = CPU-seconds per image of the loop / of the daemon, median of the rounds."
    " Daemon: user and system time of its whole process tree over a stretch of load, less the CPU time per second of"
    " the idle stretches before and after it (the streams' own share) times its length, divided by the images answered"
    " in it. Loop: process time of decoding (with the upload workers' own function), preprocessing and scoring the same"
    " files at the batch size that was cheapest, with the daemon's number of threads, while the daemon watched the same"
    " streams. Clients, nginx and publishers are not counted. Coverage: covered / expected seconds by /metrics, idle"
    " stretches included; under load, all that is missing of it is put down to the time of load."
)


def configuration(streams: int, url: str) -> str:
    """Everything at its default but the clients' rate limit and the engine, which is that of the loop."""
    text = '[inference]\nengine = "torch"\nprecision = "float32"\n'
    text += f'[api]\nrate = 100000.0\n[[api.clients]]\nuser = "{USER}"\nsecret = "{SECRET}"\n'
    return text + "".join(f'[[streams]]\nid = "s{n}"\nurl = "{url}"\n' for n in range(streams))


def tree_cpu(pid: int) -> float:
    """User and system CPU-seconds of a process, its children, and those that they have waited for."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass(slots=True)
class Load:
    """What was seen at one number of clients, round after round."""

    costs: list[float] = field(default_factory=list)
    """CPU-seconds of an image through the daemon."""
    loop_costs: list[float] = field(default_factory=list)
    """And in the loop's turn right after."""
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    unscored: float = 0.0
    """Frames of the streams that nobody looked at meanwhile."""
    batches: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """For the report."""
        took = [answer.seconds for answer in self.answers if answer.ok]
        return {
            "cpu_ms_per_image": figure(statistics.median(self.costs) * 1000, 2),
            "loop_ms_per_image": figure(statistics.median(self.loop_costs) * 1000, 2),
            "images_per_second": round(len(took) / self.seconds, 1),
            "latency_p50": figure(percentile(took, 0.5), 3),
            "latency_p99": figure(percentile(took, 0.99), 3),
            "refused": sum(not answer.ok for answer in self.answers),
            "mean_batch": round(statistics.mean(self.batches), 1),
            "frames_unscored": self.unscored,
        }

    @property
    def ratio(self) -> float | None:
        """Loop / daemon."""
        pairs = zip(self.loop_costs, self.costs, strict=True)
        return figure(statistics.median(loop / own for loop, own in pairs), 3)


@dataclass(slots=True)
class Meters:
    """What /metrics says at one moment."""

    watched: Watched
    batches: float
    frames: float
    """Of all batches together."""


class Bench:
    """A running daemon, its clients and the loop."""

    def __init__(self, daemon: Daemon, clients: Talker, loop: Talker, arguments: argparse.Namespace) -> None:
        self._daemon, self._clients, self._loop = daemon, clients, loop
        self._load_seconds, self._idle_seconds = arguments.seconds, arguments.idle
        self.batch = 1
        self.batch_costs: dict[str, float] = {}
        self.idle_rates: list[float] = []
        self.faults: Counter[str] = Counter()
        self.under_load = 0.0
        """Seconds during which clients were sending."""
        self.loads = {clients: Load() for clients in CLIENTS}

    async def choose_batch(self) -> None:
        """The loop's cheapest batch size; every size has two turns."""
        costs: dict[int, list[float]] = {size: [] for size in BATCHES}
        for _ in range(2):
            for size in BATCHES:
                turn = await self._loop.ask(f"{size} 2")
                costs[size].append(turn["cpu"] / turn["images"])
        self.batch = min(BATCHES, key=lambda size: min(costs[size]))
        self.batch_costs = {str(size): round(min(each) * 1000, 2) for size, each in costs.items()}

    async def round(self) -> None:
        """Every number of clients once, each between two idle stretches and beside a turn of the loop."""
        before = await self._idle()
        for clients, load in self.loads.items():
            stretch = await self._load(clients, load)
            turn = await self._loop.ask(f"{self.batch} {self._idle_seconds}")
            after = await self._idle()
            load.costs.append(cpu_per_image(stretch, (before, after)))
            load.loop_costs.append(turn["cpu"] / turn["images"])
            before = after

    async def meters(self) -> Meters:
        """The counters now."""
        expected: dict[str, float] = {}
        covered: dict[str, float] = {}
        others: defaultdict[str, float] = defaultdict(float)
        _, text = await self._daemon.get("/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "streamwatch_expected_seconds_total":
                    expected[sample.labels["stream"]] = sample.value
                elif sample.name == "streamwatch_covered_seconds_total":
                    covered[sample.labels["stream"]] = sample.value
                else:
                    others[sample.name] += sample.value
        unscored = others["streamwatch_frames_unscored_total"]
        batches, frames = (others[f"streamwatch_inference_batch_size_{part}"] for part in ("count", "sum"))
        return Meters(Watched(expected, covered, unscored), batches, frames)

    async def _idle(self) -> Stretch:
        await asyncio.sleep(1.0)  # what the last stretch left behind is done by then
        began, cpu = time.monotonic(), tree_cpu(self._daemon.process.pid)
        await asyncio.sleep(self._idle_seconds)
        stretch = Stretch(time.monotonic() - began, tree_cpu(self._daemon.process.pid) - cpu)
        self.idle_rates.append(stretch.rate)
        return stretch

    async def _load(self, clients: int, load: Load) -> Stretch:
        """The stretch lies within the clients' turn, where as many requests run at its begin as at its end."""
        warm_up, started = 2.0 + clients / 32, time.monotonic()
        turn = asyncio.create_task(self._clients.ask(f"{clients} {warm_up + self._load_seconds + 1.0}"))
        await asyncio.sleep(warm_up)
        before = await self.meters()
        began, cpu = time.monotonic(), tree_cpu(self._daemon.process.pid)
        await asyncio.sleep(self._load_seconds)
        ended, cpu = time.monotonic(), tree_cpu(self._daemon.process.pid) - cpu
        after = await self.meters()
        sent = await turn
        self.under_load += time.monotonic() - started
        self.faults.update(sent["faults"])
        answers = within([Answer(*answer) for answer in sent["answers"]], began, ended)
        load.answers += answers
        load.seconds += ended - began
        load.unscored += after.watched.unscored - before.watched.unscored
        load.batches.append((after.frames - before.frames) / max(1.0, after.batches - before.batches))
        return Stretch(ended - began, cpu, sum(answer.ok for answer in answers))


@contextlib.asynccontextmanager
async def watching(folder: Path, peers: Peers, streams: int) -> AsyncIterator[Daemon]:
    """A daemon that sees every stream."""
    clips = await asyncio.to_thread(write_clips, folder, 12)
    nginx = await peers.nginx(fragment=2.0, playlist=20.0)
    await publish(peers, nginx, clips)
    daemon = Daemon(folder / "daemon", configuration(streams, nginx.url("master.m3u8")))
    await daemon.start()
    try:
        async with asyncio.timeout(60):
            while await daemon.metric("streamwatch_stream_state", state="live") < streams:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.5)
        yield daemon
    finally:
        await daemon.process.stop(grace=15.0)


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole comparison."""
    with tempfile.TemporaryDirectory(prefix="streamwatch-benchmark-") as name:
        folder = Path(name)
        files = await asyncio.to_thread(write_photographs, folder / "pictures")
        async with Peers(folder) as peers, watching(folder, peers, arguments.streams) as daemon:
            url = f"http://127.0.0.1:{daemon.port}/1.0/check.json"
            threads = arguments.threads or max(1, len(os.sched_getaffinity(0)) - len(os.sched_getaffinity(0)) // 2)
            async with (
                talking("benchmarks.clients", url, str(files[0].parent), USER, SECRET) as clients,
                talking("benchmarks.still_loop", str(files[0].parent), "starter", str(threads)) as loop,
            ):
                bench = Bench(daemon, clients, loop, arguments)
                await bench.choose_batch()
                await asyncio.sleep(arguments.warm_up)
                first, began = await bench.meters(), time.monotonic()
                for _ in range(arguments.rounds):
                    await bench.round()
                last, lasted = await bench.meters(), time.monotonic() - began
        whole = coverage(first.watched, last.watched)
        sizes = [file.stat().st_size for file in files]
    return {
        "ratios": {f"images_c{clients}": load.ratio for clients, load in bench.loads.items()},
        "aims": AIMS,
        **{f"c{clients}": load.figures() for clients, load in bench.loads.items()},
        "streams": {
            "watched": arguments.streams,
            "coverage": figure(whole, 4),
            "coverage_under_load_at_least": figure(coverage_under_load(whole, bench.under_load / lasted), 4),
            "coverage_of_the_lowest": figure(lowest_coverage(first.watched, last.watched), 4),
            "frames_unscored": last.watched.unscored - first.watched.unscored,
            "cpu_per_second": round(statistics.median(bench.idle_rates), 3),
        },
        "faults": dict(bench.faults),
        "loop_batch": bench.batch,
        "loop_ms_by_batch": bench.batch_costs,
        **loop.greeting,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "cores": len(os.sched_getaffinity(0)),
        "picture_kilobytes": round(statistics.mean(sizes) / 1000),
        "computed": COMPUTED,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="CPU time of an image through the API against a bare loop.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each stretch of load")
    parser.add_argument("--idle", type=float, default=8.0, help="length of each idle stretch and turn of the loop")
    parser.add_argument("--warm-up", type=float, default=10.0)
    parser.add_argument("--threads", type=int, help="the loop's threads; default: as many as the daemon's models get")
    arguments = parser.parse_args()
    report(asyncio.run(run(arguments)), as_json=arguments.json)


if __name__ == "__main__":
    main()

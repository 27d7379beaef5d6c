"""A house for jobs: real stores, a real decoder, real HTTP; scores that tell which picture was looked at."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import av
import numpy as np

from streamwatch.backoff import Backoff
from streamwatch.capture.uploads.options import ClipPlan
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.options import AlertFilter, Reach, WebhookOptions
from streamwatch.errors import RequestError
from streamwatch.jobs.fetching import Fetcher
from streamwatch.jobs.job_desk import JobDesk, Submission
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.neighbours import Clips
from streamwatch.jobs.spool import Spool
from streamwatch.network.connections import Connections
from streamwatch.records.alert import Sink
from streamwatch.records.frame import Frame, Pixels
from streamwatch.records.job import ENDED, Job, JobFrame
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, Unscored, WeightsName
from streamwatch.records.stream_state import StateName, StreamState
from streamwatch.store import desired
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.history import History
from tests.media import Look, number_of, segment
from tests.receiver import Received
from tests.store.samples import Log

SECRET = "casec_test"
WEIGHTS = WeightsName("tiny", "0" * 64)
SMALL = Look(width=160, height=96, fps=10)


def clip_bytes(seconds: float, *, first: int = 0, container: str = "mp4") -> bytes:
    """A video whose pictures are numbered from ``first`` on, 10 a second."""
    return segment(first, round(seconds * SMALL.fps), SMALL, container=container)


def values_of(probability: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, 0.01) | {"gore.prob": probability}


@dataclass(frozen=True)
class Picture:
    pixels: Pixels
    position: float
    source_width: int
    source_height: int


class OpenFile:
    """A file being decoded in this process, a picture at a time."""

    def __init__(self, plan: ClipPlan, clips: "AvClips") -> None:
        self._plan, self._clips = plan, clips
        self._busy = threading.Lock()
        self._closed = False
        self.damaged = clips.damaged
        try:
            self._container = av.open(plan.path)
        except av.error.FFmpegError as error:
            raise RequestError("media_error", "The file is no video") from error
        length = self._container.duration
        self.duration = None if length is None else length / 1_000_000

    async def __aiter__(self) -> AsyncIterator[Picture]:
        pictures = self._pictures()
        while (picture := await asyncio.to_thread(self._next, pictures)) is not None:
            self._clips.opened.set()
            await self._clips.gate.wait()
            yield picture
            self._clips.shown += 1
            if self._clips.shown == self._clips.pause_after:
                self._clips.gate.clear()

    def _next(self, pictures: Iterator[Picture]) -> Picture | None:
        with self._busy:  # a thread goes on when nobody waits for it any more, and must not find the file closed
            return None if self._closed else next(pictures, None)

    def _pictures(self) -> Iterator[Picture]:
        start, due = None, 0.0
        for frame in self._container.decode(video=0):
            start = frame.time if start is None else start
            position = frame.time - start
            if position > self._plan.max_seconds:
                return
            if position >= due - 0.001:
                due = position + self._plan.interval
                pixels = frame.to_ndarray(format="rgb24").astype(np.uint8)
                yield Picture(pixels, position, frame.width, frame.height)

    def close(self) -> None:
        with self._busy:
            self._closed = True
            self._container.close()


@dataclass
class AvClips:
    """Decodes while ``gate`` is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    pause_after: int | None = None
    """Pictures after which the gate closes."""
    shown: int = 0
    damaged: int = 0
    """What files say at their end."""
    failures: list[RequestError] = field(default_factory=list)
    """What the next openings raise."""
    plans: list[ClipPlan] = field(default_factory=list)
    at_once: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    @asynccontextmanager
    async def clip(self, plan: ClipPlan) -> AsyncIterator[OpenFile]:
        self.plans.append(plan)
        if self.failures:
            raise self.failures.pop(0)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        opened = OpenFile(plan, self)
        try:
            yield opened
        finally:
            self.at_once -= 1
            opened.close()


@dataclass
class Scorer:
    """The probability of gore is a hundredth of the picture's number, unless ``answer`` knows better."""

    answer: Callable[[Frame], Scores | Unscored | None] = lambda _: None
    looked: list[int] = field(default_factory=list)

    async def score(self, frames: Sequence[Frame]) -> list[Scores | Unscored]:
        numbers = [number_of(frame.pixels) for frame in frames]
        self.looked += numbers
        return [
            self.answer(frame) or scores(frame.stream, frame.media_time, number / 100)
            for frame, number in zip(frames, numbers, strict=True)
        ]


def scores(stream: str, media_time: float, probability: float, *, session: int = 1, received: float = 0.0) -> Scores:
    return Scores(
        frame=f"{stream}-{session}-{media_time}",
        stream=stream,
        session=session,
        sequence=round(media_time * 10),
        received=received,
        media_time=media_time,
        captured_at=1.7e9 + media_time,
        captured_from="receipt",
        interval=2.0,
        values=values_of(min(1.0, probability)),
        weights=WEIGHTS,
        queued_seconds=0.0,
        inference_seconds=0.0,
        batch_size=1,
    )


def state(stream: str, name: StateName, reason: str = "", code: str = "") -> StreamState:
    return StreamState(stream, name, 1.7e9, reason, code)


class Streams:
    """Keeps what is to be watched in the store, as the real desk does; nobody really watches."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store
        self.entries: dict[str, Mapping[str, Any]] = {}
        self.refusal: RequestError | None = None
        self.on_removed: Callable[[str], None] = lambda _: None
        self.news = asyncio.Event()

    async def watch(self, entry: Mapping[str, Any], *, client: str, job: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        row = desired.ApiStream(entry["id"], entry, client, job, 1.7e9)
        await self._store.run(lambda connection: desired.put_stream(connection, row))
        self.entries[entry["id"]] = entry
        self.news.set()

    async def unwatch(self, stream: str) -> None:
        await self._store.run(lambda connection: desired.forget_stream(connection, stream))
        self.entries.pop(stream, None)
        self.on_removed(stream)

    async def one(self) -> str:
        """The stream that is watched, once there is one."""
        async with asyncio.timeout(5):
            while not self.entries:
                self.news.clear()
                await self.news.wait()
        return next(iter(self.entries))


class Delivery:
    """Callbacks by the real alert desk."""

    def __init__(self, desk: AlertDesk, options: Callable[[Job], WebhookOptions]) -> None:
        self._desk = desk
        self._options = options

    def open(self, job: Job) -> None:
        self._desk.open_callback(self._options(job))

    async def owe(self, job: Job, identity: str, body: Mapping[str, Any]) -> None:
        await self._desk.owe(Sink("callback", job.id), group=job.id, identity=identity, body=body)

    def busy(self, job: Job) -> bool:
        return self._desk.owes_callback(job.id)

    def close(self, job: Job) -> None:
        self._desk.close_callback(job.id)


@dataclass
class House:
    """One life of the daemon, as far as jobs are concerned; use as ``async with``."""

    folder: Path
    limits: JobLimits = field(default_factory=lambda: JobLimits(progress_every=0.0))
    thresholds: Mapping[str, float] = field(default_factory=dict)
    scorer: Scorer = field(default_factory=Scorer)
    places: int = 1
    reserved: int = 0
    tick: float = 0.05
    linger: float = 0.1
    running: bool = True
    log: Log = field(default_factory=Log)
    clips: AvClips = field(default_factory=AvClips)
    decoder: Clips | None = None
    """Instead of ``clips``."""

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self.store = await AlertStore.open(self.folder, log=self.log.logger)
        self._stack.push_async_callback(self.store.close)
        self.history = await History.open(self.folder, log=self.log.logger)
        self._stack.push_async_callback(self.history.close)
        connections = await self._stack.enter_async_context(Connections())
        self.fetcher = Fetcher(connections=connections, allow=["127.0.0.0/8"])
        self.spool = await Spool.open(self.folder, self.store, log=self.log.logger, reserve=0)
        self.streams = Streams(self.store)
        self.alerts = AlertDesk(self.store, [], log=self.log.logger)
        self.desk = JobDesk(
            store=self.store,
            history=self.history,
            spool=self.spool,
            fetcher=self.fetcher,
            clips=self.decoder or self.clips,
            score=self.scorer.score,
            watch=self.streams.watch,
            unwatch=self.streams.unwatch,
            callbacks=Delivery(self.alerts, callback_options),
            thresholds=self.thresholds,
            short_side=64,
            limits=self.limits,
            log=self.log.logger,
            places=self.places,
            reserved=self.reserved,
            tick=self.tick,
            linger=self.linger,
        )
        self.streams.on_removed = self.desk.on_removed
        await self._background(self.alerts.run())
        if self.running:
            await self._background(self.desk.run())
            async with asyncio.timeout(5):
                while not self.desk._keeper._restored:  # noqa: ASYNC110 - what an earlier life left is taken up
                    await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def upload(self, data: bytes) -> Path:
        """The bytes in the spool."""
        return await self.spool.take(pieces(data), limit=1 << 30)

    async def submit(self, **changes: Any) -> Job:
        values: dict[str, Any] = {"client": "shop", "models": ("gore-2.0",), "uri": "clip.mp4"}
        return await self.desk.submit(Submission(**{**values, **changes}), "req_1")

    async def ended(self, media: str, client: str = "shop") -> tuple[Job, tuple[JobFrame, ...]]:
        """The job once it has ended."""
        return await self.until(media, lambda job: job.status in ENDED, client)

    async def until(
        self, media: str, wanted: Callable[[Job], bool], client: str = "shop"
    ) -> tuple[Job, tuple[JobFrame, ...]]:
        """The job once it is as wanted."""
        async with asyncio.timeout(10):
            while not wanted((await self.desk.get(media, client))[0]):  # noqa: ASYNC110 - as clients do: they poll
                await asyncio.sleep(0.02)
        return await self.desk.get(media, client)

    async def _background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)

        async def end() -> None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        self._stack.push_async_callback(end)
        await asyncio.sleep(0)


def callback_options(job: Job) -> WebhookOptions:
    assert job.callback_url is not None
    return WebhookOptions(
        name=job.id,
        url=job.callback_url,
        kind="callback",
        reach=Reach(allow=("127.0.0.0/8",)),
        secrets=(SECRET,),
        signature_header="Sightengine-Signature",
        wants=AlertFilter(streams=() if job.stream is None else (job.stream,)),
        retry=Backoff(base=0.05, ceiling=0.2, floor=0.02),
    )


async def pieces(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def bodies(requests: Sequence[Received]) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in requests]

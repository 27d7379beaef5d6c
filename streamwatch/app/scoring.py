"""``score FILE|URL...``: what the HTTP API would answer, for files and URLs at hand and without a daemon."""

import asyncio
import itertools
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from streamwatch.app.media import holds_video, read_picture, upload_pool
from streamwatch.app.probing import observe, problem_of
from streamwatch.app.silence import silent_log
from streamwatch.capture.uploads.pool import ClipPlan, UploadPool
from streamwatch.errors import RequestError, SourceError
from streamwatch.inference.manifest import find_weights
from streamwatch.inference.model import load_model
from streamwatch.inference.worker import InferenceOptions, InferenceWorker
from streamwatch.jobs.fetching import MEDIA_SCHEMES, STREAM_SCHEMES, Fetcher
from streamwatch.jobs.ids import media_id, request_id
from streamwatch.jobs.results import frame_object, result_objects
from streamwatch.jobs.stills import Stills
from streamwatch.jobs.viewing import Viewer, judge_view
from streamwatch.network.connections import Connections
from streamwatch.records.capture import CapturePlan
from streamwatch.records.frame import Frame
from streamwatch.records.job import JobFrame
from streamwatch.records.labels import MODELS
from streamwatch.records.scores import Scores, Unscored
from streamwatch.web.compat.answers import document, media
from streamwatch.web.compat.names import shown_url
from streamwatch.web.errors import envelope

_AT_ONCE: Final = 8
"""Files on their way; answers come in the order of the files."""
_PATIENCE: Final = 300.0
_DOWNLOAD: Final = 3600.0
_ANYWHERE: Final = ("0.0.0.0/0", "::/0")
"""Whoever writes a URL on the command line may reach what the machine reaches."""
_ENOUGH_LINES: Final = 16


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """What the command line asked for."""

    sources: Sequence[str]
    weights: str = "starter"
    interval: float = 2.0
    """Seconds between pictures of a video or stream."""
    seconds: float = 30.0
    """How long a stream is watched."""
    device: str = "auto"


async def score_all(options: ScoreOptions) -> AsyncIterator[dict[str, Any]]:
    """One document for each source, in order: the API's answer, or its failure with the source's name under ``media``.

    Raises WeightsError.
    """
    async with _scorer(options) as scorer:
        rest = iter(options.sources)
        tasks = deque(asyncio.create_task(scorer.answer(one)) for one in itertools.islice(rest, _AT_ONCE))
        try:
            while tasks:
                yield await tasks[0]
                tasks.popleft()
                tasks.extend(asyncio.create_task(scorer.answer(one)) for one in itertools.islice(rest, 1))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _scorer(options: ScoreOptions) -> AsyncIterator["_Scorer"]:
    worker = InferenceWorker(
        partial(load_model, find_weights(options.weights), device=options.device),
        InferenceOptions(timeout=_PATIENCE),
        on_result=lambda _: None,
        on_batch=lambda _: None,
        log=silent_log(),
    )
    model = await worker.start()
    try:
        async with upload_pool() as pool, Connections() as connections:
            fetcher = Fetcher(connections=connections, allow=_ANYWHERE)
            yield _Scorer(options, worker, pool, fetcher, model.short_side)
    finally:
        await worker.stop(grace=0.0)


class _Scorer:
    def __init__(
        self, options: ScoreOptions, worker: InferenceWorker, pool: UploadPool, fetcher: Fetcher, short_side: int
    ) -> None:
        self._options, self._worker, self._pool, self._fetcher = options, worker, pool, fetcher
        self._short_side = short_side
        self._stills = Stills(pool, worker.score, short_side=short_side, patience=_PATIENCE)
        self._viewer = Viewer(worker.score)
        self._streams = asyncio.Semaphore(1)

    async def answer(self, source: str) -> dict[str, Any]:
        now = time.time()
        is_url = source.partition("://")[0].lower() in MEDIA_SCHEMES and "://" in source
        uri = shown_url(source) if is_url else source
        request, identity = request_id(now), media_id(now)
        try:
            operations, found = await (self._url(source, identity) if is_url else self._file(source, identity))
        except RequestError as error:
            return {**envelope(error, request, now), "media": media(identity, uri)}
        return document(request, now, operations, {**found, "media": media(identity, uri)})

    async def _file(self, name: str | Path, identity: str) -> tuple[int, Mapping[str, Any]]:
        path = await asyncio.to_thread(Path(name).absolute)
        if await asyncio.to_thread(holds_video, path):
            return await self._video(path, identity)
        return await self._picture(await asyncio.to_thread(read_picture, path))

    async def _picture(self, data: bytes) -> tuple[int, Mapping[str, Any]]:
        found = await self._stills.score(data)
        return found.pictures * len(MODELS), result_objects(MODELS, found.values)

    async def _video(self, path: Path, identity: str) -> tuple[int, Mapping[str, Any]]:
        plan = ClipPlan(str(path), self._options.interval, self._short_side, max_seconds=1e9)
        frames: list[JobFrame] = []
        unscored: Counter[str] = Counter()
        async with (
            self._pool.clip(plan) as clip,
            aclosing(self._viewer.view(clip, identity, self._options.interval)) as views,
        ):
            async for seen in views:
                frames += seen.frames
                unscored.update(seen.unscored)
        return _frames(identity, frames, unscored)

    async def _url(self, url: str, identity: str) -> tuple[int, Mapping[str, Any]]:
        self._fetcher.check(url, schemes=MEDIA_SCHEMES, type_="media_error")
        if url.partition("://")[0].lower() in STREAM_SCHEMES:
            return await self._stream(url, identity)
        with tempfile.TemporaryDirectory(prefix="streamwatch-score-") as folder:
            path = await self._download(url, Path(folder) / "media")
            return await (self._stream(url, identity) if path is None else self._file(path, identity))

    async def _download(self, url: str, path: Path) -> Path | None:
        """None when the URL is a stream."""
        async with self._fetcher.open(url, within=_DOWNLOAD) as opened:
            if opened.kind != "file":
                return None
            with path.open("wb") as file:
                async with aclosing(opened.chunks()) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(file.write, chunk)
        return path

    async def _stream(self, url: str, identity: str) -> tuple[int, Mapping[str, Any]]:
        """Watched as the daemon would, for some seconds; one stream after the other."""
        plan = CapturePlan(
            "score", 1, url, self._options.interval,
            short_side=self._short_side, rendition_height=self._short_side - _ENOUGH_LINES,
        )  # fmt: skip
        inbox: asyncio.Queue[Frame | None] = asyncio.Queue()  # as long as the stream is watched: --seconds bounds it
        async with self._streams:
            taking = asyncio.create_task(self._take(inbox))
            try:
                seen = await observe(plan, self._options.seconds, on_frame=inbox.put_nowait)
            except SourceError as error:
                raise RequestError("media_error", str(error)) from None
            finally:
                inbox.put_nowait(None)
                frames, unscored = await taking
        problem = problem_of(seen)
        if not frames and problem:
            raise RequestError("media_error", problem)
        unscored.update(seen.missed)
        return _frames(identity, frames, unscored)

    async def _take(self, inbox: "asyncio.Queue[Frame | None]") -> tuple[list[JobFrame], Counter[str]]:
        frames: list[JobFrame] = []
        unscored: Counter[str] = Counter()
        first: float | None = None
        while (frame := await inbox.get()) is not None:
            (answer,) = await self._worker.score([frame])
            if isinstance(answer, Scores):
                first = answer.media_time if first is None else first
                position = max(0, round((answer.media_time - first) * 1000))
                frames.append(JobFrame(len(frames) + 1, position, answer.values))
            elif isinstance(answer, Unscored):
                unscored[answer.reason] += answer.count
        return frames, unscored


def _frames(identity: str, frames: Sequence[JobFrame], unscored: Counter[str]) -> tuple[int, Mapping[str, Any]]:
    judge_view(len(frames), unscored)
    data: dict[str, Any] = {"frames": [frame_object(identity, MODELS, frame) for frame in frames]}
    if unscored:
        data["unscored"] = dict(unscored)
    return len(frames) * len(MODELS), {"data": data}

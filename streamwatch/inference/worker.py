"""The daemon's one way to scores: frames in from the event loop, exactly one answer for each back on it.

Faults, and what becomes of the frames: a model that raises or answers nonsense -> ``model_error`` for the frames it
fails on; memory short -> smaller batches; a call into the model over ``timeout`` -> ``timeout`` and the device is lost;
a device that fails for good -> ``device_lost``. A lost worker answers at once and never recovers: the process must be
replaced.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import DeviceLost, WeightsError
from streamwatch.inference.batcher import Batch, Batcher
from streamwatch.inference.device import Loaded
from streamwatch.inference.features import FeatureLane, PictureFeatures
from streamwatch.inference.frame_queue import FrameQueue, Waiting
from streamwatch.inference.model import ScoringModel
from streamwatch.inference.reports import BatchReport, InferenceOptions, Progress
from streamwatch.inference.threads import Done, Hooks, Threads, unscored
from streamwatch.records.frame import Frame, Pixels
from streamwatch.records.scores import Scores, Unscored, UnscoredReason

__all__ = ["BatchReport", "InferenceOptions", "InferenceWorker", "Progress"]

_News = TypeVar("_News")

_COMPLAIN_EVERY = 10.0
_UPLOAD_BATCHES = 2
"""Upload frames let in at once, in batches: one being scored, one ready; the rest stays with its callers."""


class InferenceWorker:
    """All methods are called on the event loop that called ``start``; callbacks run there too and must not block.

    Scores of a stream come in the order of its frames. An ``Unscored`` comes as soon as it is known, which for a frame
    that gave way is before the scores of its elders that are on their way.
    """

    def __init__(
        self,
        load: Callable[[], ScoringModel],
        options: InferenceOptions,
        *,
        on_result: Callable[[Scores | Unscored], None],
        on_batch: Callable[[BatchReport], None],
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options, self._log, self._clock = options, log, clock
        self._on_result, self._on_batch = on_result, on_batch
        uploads = _UPLOAD_BATCHES * options.max_batch
        queue = FrameQueue(frames=options.queue_frames, per_stream=options.per_stream, uploads=uploads)
        self._batcher = Batcher(queue, max_wait=options.max_wait, limit=options.max_batch, clock=clock)
        self._features = FeatureLane(self._batcher.put_errand, self._batcher.withdraw_errand)
        hooks = Hooks(self._loaded, self._tried, self._not_loaded, self._done, self._device_lost)
        self._threads = Threads(
            load, self._batcher, hooks, max_batch=options.max_batch, best_batch=options.best_batch, clock=clock
        )
        self._places = asyncio.Semaphore(uploads)
        self._started: asyncio.Future[ScoringModel] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._refusal: UnscoredReason | None = None
        self._idle = asyncio.Event()
        self._gone = asyncio.Event()
        self._loss: DeviceLost | None = None
        self._last_progress = clock()
        self._limit = options.max_batch
        self._failures = 0
        self._complained_at = float("-inf")

    async def start(self) -> ScoringModel:
        """Loads the model and warms it up in the device thread. Raises WeightsError."""
        loop = asyncio.get_running_loop()
        began = self._clock()
        self._started = loop.create_future()
        self._threads.start(loop)
        try:
            async with asyncio.timeout(self._options.load_timeout):
                model = await self._started
        except BaseException as error:
            self._abandon("shutdown")
            if isinstance(error, TimeoutError):
                raise WeightsError(f"the weights were not loaded in {self._options.load_timeout:g} s") from error
            raise
        self._started = None  # it holds the model, which others may replace
        self._last_progress = self._clock()
        self._watch = asyncio.create_task(self._watch_for_overruns(), name="inference.watch")
        seconds = round(self._last_progress - began, 3)
        self._log.info("inference.started", weights=model.weights.name, batch_limit=self._limit, seconds=seconds)
        return model

    async def load_beside(self, load: Callable[[], ScoringModel], *, gently: bool = False) -> Loaded:
        """Loads another model and warms it up while this one goes on scoring, for ``switch``. Raises WeightsError.

        ``gently``: at a low priority, which threads that the model starts for good would keep.
        """
        try:
            async with asyncio.timeout(self._options.load_timeout):
                return await self._threads.load_beside(load, gently=gently)
        except TimeoutError as error:
            raise WeightsError(f"the weights were not loaded in {self._options.load_timeout:g} s") from error

    def switch(self, loaded: Loaded) -> None:
        """Lets ``loaded`` score from the next batch on; frames on their way keep the model that prepared them."""
        self._threads.switch(loaded)
        self._limit = loaded.device.limit
        self._log.info("inference.switched", weights=loaded.model.weights.name, batch_limit=self._limit)

    def submit(self, frame: Frame) -> None:
        """Queues a live frame. It, or the oldest one of the fullest stream, may come back as ``queue_full`` at once."""
        waiting = Waiting(frame, self._clock())
        if self._refusal is not None:
            self._answer(waiting, unscored(waiting, self._refusal))
            return
        dropped = self._batcher.put(waiting)
        if dropped is not None:
            self._answer(dropped, unscored(dropped, "queue_full"))

    async def score(self, frames: Sequence[Frame]) -> list[Scores | Unscored]:
        """Scores an upload's frames, in order; the answers go to the caller alone, not to ``on_result``.

        Waits while the lane is full, in turn with other callers; live frames go first. Ends with ``stop`` or a loss of
        the device at the latest; a caller with less patience cancels, and what still waits is taken out.
        """
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Scores | Unscored]] = []
        entries: list[Waiting] = []
        try:
            for frame in frames:
                await self._places.acquire()
                answers.append(loop.create_future())
                entries.append(Waiting(frame, self._clock(), partial(self._reply, answers[-1])))
                self._let_in(entries[-1])
            return [await answer for answer in answers]
        finally:
            for entry in entries:
                if self._batcher.withdraw(entry):
                    self._places.release()

    async def features(self, picture: Pixels) -> PictureFeatures:
        """What heads are trained on, for one picture; live frames wait for one at most. Raises InferenceError."""
        return await self._features.ask(picture)

    def forget(self, stream: str) -> None:
        """Answers a stream's waiting live frames with ``stream_removed``."""
        for waiting in self._batcher.forget(stream):
            self._answer(waiting, unscored(waiting, "stream_removed"))

    async def lost(self) -> DeviceLost:
        """Completes when the device is lost, and says why."""
        await self._gone.wait()
        assert self._loss is not None
        return self._loss

    async def stop(self, grace: float = 3.0) -> None:
        """Refuses new frames, scores what waits for at most ``grace`` seconds, answers the rest with ``shutdown``."""
        self._refusal = self._refusal or "shutdown"
        self._batcher.drain_soon()
        if self._loss is None and self._watch is not None and not self._batcher.empty:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._idle.wait()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._abandon("shutdown")
        if not await self._threads.ended(within=0.0 if self._loss else 1.0):
            self._log.warning("inference.thread_stuck")

    def is_busy(self) -> bool:
        """Whether frames are being scored or wait for it."""
        return self._threads.busy_since is not None or not self._batcher.empty

    def progress(self) -> Progress:
        """For the watchdog."""
        return Progress(self._last_progress, self._threads.busy_since, self._batcher.depth)

    # Heard from the threads, on the loop.

    def _loaded(self, model: ScoringModel, limit: int) -> None:
        """The model is warm."""
        self._limit = limit
        if self._started is not None and not self._started.done():
            self._started.set_result(model)

    def _tried(self, rates: Mapping[int, float]) -> None:
        """Batch sizes were tried."""
        figures = {str(size): round(rate, 1) for size, rate in rates.items()}
        self._log.info("inference.batches_tried", pictures_per_second=figures)

    def _not_loaded(self, error: WeightsError) -> None:
        if self._started is not None and not self._started.done():
            self._started.set_exception(error)

    def _done(self, done: Done) -> None:
        """Hands on a batch's answers, unless its frames were given up meanwhile."""
        if not self._batcher.settle(done.batch):
            return
        self._last_progress = self._clock()
        for waiting, result in zip(done.batch.waiting, done.results, strict=True):
            self._answer(waiting, result)
        self._report(done)
        if self._batcher.empty:
            self._idle.set()

    def _device_lost(self, error: DeviceLost) -> None:
        """Answers every frame and tells whoever waits in ``lost``."""
        self._lose(error, "device_lost")

    # Own affairs.

    def _let_in(self, entry: Waiting) -> None:
        if self._refusal is not None:
            self._answer(entry, unscored(entry, self._refusal))
        elif not self._batcher.put_upload(entry):
            raise RuntimeError("the upload lane is fuller than its places. This is a bug.")

    def _reply(self, answer: "asyncio.Future[Scores | Unscored]", result: Scores | Unscored) -> None:
        self._places.release()
        if not answer.done():
            answer.set_result(result)

    def _answer(self, waiting: Waiting, result: Scores | Unscored) -> None:
        self._tell(waiting.reply or self._on_result, result)

    def _tell(self, listener: Callable[[_News], None], news: _News) -> None:
        try:
            listener(news)
        except Exception:  # noqa: BLE001 - a listener's fault must not cost the other frames their answers
            self._log.exception("inference.listener_failed")

    def _report(self, done: Done) -> None:
        batch = done.batch
        queued = max(0.0, batch.taken_at - min(waiting.queued_at for waiting in batch.waiting))
        self._tell(self._on_batch, BatchReport(len(batch.waiting), done.seconds, batch.depth, queued))
        if done.limit != self._limit:
            self._limit = done.limit
            self._log.warning("inference.batch_limit_changed", batch_limit=done.limit)
        self._complain([result.detail for result in done.results if isinstance(result, Unscored)])

    def _complain(self, details: list[str]) -> None:
        self._failures += len(details)
        if details and self._clock() - self._complained_at >= _COMPLAIN_EVERY:
            self._log.warning("inference.model_error", frames=self._failures, detail=details[-1])
            self._failures, self._complained_at = 0, self._clock()

    async def _watch_for_overruns(self) -> None:
        timeout = self._options.timeout
        while True:
            # What begins later than now cannot overrun before now + timeout, so no overrun is seen late.
            busy_since, now = self._threads.busy_since, self._clock()
            left = timeout if busy_since is None else busy_since + timeout - now
            if left <= 0:
                self._lose(DeviceLost(f"a batch ran longer than {timeout:g} s"), "timeout")
                return
            await asyncio.sleep(left)

    def _lose(self, error: DeviceLost, reason: UnscoredReason) -> None:
        if self._loss is not None:
            return
        self._loss, self._refusal = error, "device_lost"
        self._log.error("inference.device_lost", reason=str(error))
        self._abandon("device_lost", running=reason)
        self._idle.set()
        self._gone.set()

    def _abandon(self, reason: UnscoredReason, *, running: UnscoredReason | None = None) -> None:
        """Answers every frame without scores: ``running`` for the oldest batch on its way, ``reason`` for the rest."""
        self._refusal = self._refusal or reason
        self._features.close(reason)
        taken, rest = self._batcher.close()
        for place, batch in enumerate(taken):
            self._give_up(batch, running or reason if place == 0 else reason)
        for waiting in rest:
            self._answer(waiting, unscored(waiting, reason))

    def _give_up(self, batch: Batch, reason: UnscoredReason) -> None:
        for waiting in batch.waiting:
            self._answer(waiting, unscored(waiting, reason))

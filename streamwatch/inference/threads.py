"""The two threads behind the inference worker: one prepares the next batch, one owns the device."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streamwatch.errors import DeviceLost, InferenceError, WeightsError
from streamwatch.inference.batch_trial import BatchTrial
from streamwatch.inference.batcher import Batch, Batcher
from streamwatch.inference.device import Device, Failure, Loaded, Outcome, Row
from streamwatch.inference.features import Errand
from streamwatch.inference.frame_queue import Waiting
from streamwatch.inference.model import ScoringModel
from streamwatch.inference.priority import LOW, give_way
from streamwatch.inference.tuning import give_back_memory
from streamwatch.records.frame import Frame
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, Unscored, UnscoredReason, WeightsName


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a batch, made in the device thread and read on the loop."""

    batch: Batch
    results: list[Scores | Unscored]
    seconds: float
    """Wall time of preparing and scoring."""
    limit: int


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears from the threads; every call arrives on the event loop."""

    loaded: Callable[[ScoringModel, int], None]
    """The model is warm; batches have up to that many frames."""
    tried: Callable[[Mapping[int, float]], None]
    """Batch size -> pictures per second, before ``loaded``."""
    not_loaded: Callable[[WeightsError], None]
    """There is no model; the device thread has ended."""
    done: Callable[[Done], None]
    """A batch has its answers."""
    lost: Callable[[DeviceLost], None]
    """No later batch can fare better; the device thread has ended."""


class Threads:
    """Daemon threads, so that one stuck in the device cannot keep the process from ending."""

    def __init__(
        self,
        load: Callable[[], ScoringModel],
        batcher: Batcher,
        hooks: Hooks,
        *,
        max_batch: int,
        best_batch: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._batcher, self._hooks = load, batcher, hooks
        self._max_batch, self._best_batch, self._clock = max_batch, best_batch, clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: list[threading.Thread] = []
        self._now: Loaded | None = None  # written whole by one thread at a time, read by the preparing one
        self._device_ident: int | None = None
        # Each is written by one thread and read by the loop; a float or None is read whole.
        self._device_since: float | None = None
        self._preparing_since: float | None = None

    @property
    def busy_since(self) -> float | None:
        """When the oldest call into the model began; None when no call runs."""
        starts = [since for since in (self._device_since, self._preparing_since) if since is not None]
        return min(starts, default=None)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the device thread, which loads the model and then starts the preparing one."""
        self._loop = loop
        self._spawn(self._device_thread, "inference-device")

    async def ended(self, within: float) -> bool:
        """Waits for both threads, at most ``within`` seconds; False when one is stuck."""
        deadline = self._clock() + within
        for thread in list(self._running):
            await asyncio.to_thread(thread.join, max(0.0, deadline - self._clock()))
        return not any(thread.is_alive() for thread in self._running)

    def load_beside(self, load: Callable[[], ScoringModel], *, gently: bool) -> "asyncio.Future[Loaded]":
        """Loads and warms up another model in a thread of its own. The answer, or WeightsError, comes on the loop.

        No size of batches is tried out, because figures beside live work mean little: that of the model at work stays.
        """
        assert self._loop is not None
        assert self._now is not None
        largest = self._now.device.largest
        answer: asyncio.Future[Loaded] = self._loop.create_future()

        def work() -> None:
            if gently:
                give_way(LOW)
            try:
                self._post(_answer, answer, self._warm(load, largest, None))
            except WeightsError as error:
                self._post(_answer, answer, error)

        self._spawn(work, "inference-load")
        return answer

    def switch(self, loaded: Loaded) -> None:
        """The next batch that is prepared is scored by ``loaded``; those on their way stay with their own model."""
        self._now = loaded
        self._batcher.limit = loaded.device.limit

    def _spawn(self, work: Callable[[], None], name: str) -> None:
        self._running = [thread for thread in self._running if thread.is_alive()]
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._running.append(thread)
        thread.start()

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._batcher.close()  # the loop is closed: nobody is left to tell

    def _device_thread(self) -> None:
        self._device_ident = threading.get_ident()
        try:
            loaded = self._warm(self._load, self._max_batch, BatchTrial() if self._best_batch else None)
        except WeightsError as error:
            self._post(self._hooks.not_loaded, error)
            return
        finally:
            self._device_since = None  # loading has a time limit of its own
        self.switch(loaded)
        self._spawn(self._prepare_thread, "inference-prepare")
        self._post(self._hooks.loaded, loaded.model, loaded.device.limit)
        del loaded  # once others took over, nothing may hold it
        try:
            while (work := self._batcher.prepared()) is not None:
                if isinstance(work, Errand):
                    self._run_errand(work)
                else:
                    self._score(work)
                del work  # it holds its model
        except DeviceLost as error:
            self._post(self._hooks.lost, error)
        except BaseException as error:  # noqa: BLE001 - a thread's end must never go unnoticed
            self._post(self._hooks.lost, DeviceLost(f"the device thread ended by {type(error).__name__}"))
        finally:
            self._device_since = None

    def _warm(self, load: Callable[[], ScoringModel], largest: int, trial: BatchTrial | None) -> Loaded:
        """Raises WeightsError, also for a model that answers with something that is no probability."""
        try:
            model = load()
            device = Device(model, max_batch=largest, begin=self._device_begins)
            sound = device.warm_up(trial)
        except WeightsError:
            raise
        except Exception as error:  # the models' edge: torch raises what it likes
            raise WeightsError(f"the weights do not run on this machine ({type(error).__name__})") from error
        if not sound:
            raise WeightsError("the weights answer with something that is no probability. They are damaged")
        if trial is not None:
            self._post(self._hooks.tried, trial.rates)
        give_back_memory()  # of converters and of batches that are not used
        return Loaded(model, device)

    def _prepare_thread(self) -> None:
        while (batch := self._batcher.next_batch()) is not None:
            started = self._preparing_since = self._clock()
            assert self._now is not None
            batch.by = self._now
            try:
                batch.tensor = batch.by.model.prepare([waiting.frame.pixels for waiting in batch.waiting])
            except Exception:  # noqa: BLE001 - the device thread prepares them one by one and says which fails
                batch.tensor = None
            batch.prepare_seconds = self._clock() - started
            self._preparing_since = None
            self._batcher.offer(batch)

    def _device_begins(self) -> None:
        if threading.get_ident() == self._device_ident:  # a model that is warmed up beside it has its own time limit
            self._device_since = self._clock()

    def _run_errand(self, errand: Errand) -> None:
        assert self._now is not None
        found = self._now.device.features(errand.picture)
        self._device_since = None
        if isinstance(found, Failure):
            self._post(errand.reply, InferenceError(f"no features of this picture: {found.detail}"))
        else:
            self._post(errand.reply, found)

    def _score(self, batch: Batch) -> None:
        assert batch.by is not None
        started = self._clock()
        outcome = batch.by.device.score(batch.tensor, [waiting.frame.pixels for waiting in batch.waiting])
        ended = self._clock()
        self._device_since = None
        if batch.by is self._now:
            self._batcher.limit = outcome.limit
        weights, batch.tensor, batch.by = batch.by.model.weights, None, None
        seconds = batch.prepare_seconds + ended - started
        results = _results(batch.waiting, outcome, weights, seconds, ended)
        self._post(self._hooks.done, Done(batch, results, seconds, self._batcher.limit))


def _answer(future: "asyncio.Future[Loaded]", found: Loaded | WeightsError) -> None:
    if future.done():
        return  # nobody waits any more
    if isinstance(found, WeightsError):
        future.set_exception(found)
    else:
        future.set_result(found)


def unscored(waiting: Waiting, reason: UnscoredReason, detail: str = "") -> Unscored:
    """The answer for one frame that nobody looked at."""
    frame = waiting.frame
    return Unscored(frame.stream, frame.session, reason, frame=frame.id, media_time=frame.media_time, detail=detail)


def _results(
    frames: list[Waiting], outcome: Outcome, weights: WeightsName, seconds: float, ended: float
) -> list[Scores | Unscored]:
    results: list[Scores | Unscored] = []
    for waiting, answer in zip(frames, outcome.answers, strict=True):
        if isinstance(answer, Failure):
            results.append(unscored(waiting, "model_error", answer.detail))
        else:
            queued = max(0.0, ended - waiting.queued_at - seconds)
            results.append(_scores(waiting.frame, answer, weights, (queued, seconds), len(frames)))
    return results


def _scores(frame: Frame, row: Row, weights: WeightsName, took: tuple[float, float], batch_size: int) -> Scores:
    """``took``: seconds in the queue, seconds of the whole batch."""
    return Scores(
        frame=frame.id,
        stream=frame.stream,
        session=frame.session,
        sequence=frame.sequence,
        received=frame.received,
        media_time=frame.media_time,
        captured_at=frame.captured_at,
        captured_from=frame.captured_from,
        interval=frame.interval,
        values=dict(zip(LABELS, row.tolist(), strict=True)),
        weights=weights,
        queued_seconds=took[0],
        inference_seconds=took[1],
        batch_size=batch_size,
    )

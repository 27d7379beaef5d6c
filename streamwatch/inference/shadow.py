"""One thread that scores single frames with candidate weights, at the lowest priority that the system has."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamwatch.errors import DeviceLost, InferenceError, WeightsError
from streamwatch.inference.device import Device, Failure
from streamwatch.inference.model import ScoringModel
from streamwatch.inference.priority import LOWEST, give_way
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import LABELS


@dataclass(frozen=True, slots=True)
class ShadowAnswer:
    """What the candidate said of one picture."""

    values: dict[str, float] | None
    """Every label; None when it failed on this picture."""
    seconds: float
    detail: str = ""
    """Why it failed: the fault's type."""


class ShadowScorer:
    """One candidate, from its loading to its end. All methods are called on one event loop.

    Its CPU work gives way to everybody else's (nice 19, its helper threads too), and on a GPU one picture at a time is
    all that another can have to wait for.
    """

    def __init__(self, load: Callable[[], ScoringModel], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._load, self._clock = load, clock
        self._work: queue.SimpleQueue[tuple[Pixels, asyncio.Future[ShadowAnswer]] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[ScoringModel] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="inference-shadow", daemon=True)

    async def start(self) -> ScoringModel:
        """Loads the candidate and scores a blank picture. Raises WeightsError."""
        self._thread.start()
        return await self._loaded

    async def score(self, picture: Pixels) -> ShadowAnswer:
        """One picture. Raises InferenceError when no later one can fare better: memory is short, the device is lost."""
        answer: asyncio.Future[ShadowAnswer] = self._loop.create_future()
        self._work.put((picture, answer))
        return await answer

    def stop(self) -> None:
        """Ends the thread after the picture that it is at; the model goes with it."""
        self._work.put(None)

    def _run(self) -> None:
        give_way(LOWEST)
        try:
            model = self._load()
            device = Device(model, max_batch=1, begin=lambda: None)
            if not device.warm_up():
                raise WeightsError("the weights answer with something that is no probability. They are damaged")
        except WeightsError as error:
            self._post(_settle, self._loaded, error)
            return
        except Exception as error:  # noqa: BLE001 - the models' edge: torch raises what it likes
            words = f"the weights do not run on this machine ({type(error).__name__})"
            self._post(_settle, self._loaded, WeightsError(words))
            return
        self._post(_settle, self._loaded, model)
        while (work := self._work.get()) is not None:
            picture, answer = work
            self._post(_settle, answer, self._scored(device, picture))

    def _scored(self, device: Device, picture: Pixels) -> ShadowAnswer | InferenceError:
        began = self._clock()
        try:
            outcome = device.score(None, [picture])
        except DeviceLost as error:
            return InferenceError(str(error))
        except BaseException as error:  # noqa: BLE001 - a thread's end must never go unnoticed
            return InferenceError(f"the shadow's thread met {type(error).__name__}")
        seconds = self._clock() - began
        [row] = outcome.answers
        if outcome.out_of_memory:
            return InferenceError("out of memory")
        if isinstance(row, Failure):
            return ShadowAnswer(None, seconds, row.detail)
        return ShadowAnswer(dict(zip(LABELS, row.tolist(), strict=True)), seconds)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *arguments)


def _settle(future: "asyncio.Future[Any]", found: object) -> None:
    if future.done():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)

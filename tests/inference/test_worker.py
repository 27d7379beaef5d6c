"""The inference worker from the event loop's side: exactly one answer for every frame, whatever happens."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import structlog
import torch

from streamwatch.errors import DeviceLost, WeightsError
from streamwatch.inference.worker import BatchReport, InferenceOptions, InferenceWorker
from streamwatch.records.frame import Frame
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, Unscored
from tests.inference.tiny_model import Behaviour, TinyModel, frame

PATIENCE = 10.0
OPTIONS = InferenceOptions(max_batch=4, max_wait=0.005, timeout=5.0, queue_frames=64, per_stream=64)


@dataclass
class Inbox:
    """What the worker said, and a way to wait for it."""

    results: list[Scores | Unscored] = field(default_factory=list)
    batches: list[BatchReport] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, result: Scores | Unscored) -> None:
        self.results.append(result)
        self.changed.set()

    def count(self, batch: BatchReport) -> None:
        self.batches.append(batch)
        self.changed.set()

    async def until(self, count: int) -> list[Scores | Unscored]:
        async with asyncio.timeout(PATIENCE):
            while len(self.results) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.results

    def reasons(self) -> Counter[str]:
        return Counter(result.reason if isinstance(result, Unscored) else "scored" for result in self.results)


class Gate:
    """A behaviour that holds every forward until it is opened, and says that one has begun."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.warm = False

    def __call__(self, batch: torch.Tensor) -> None:
        if not self.warm:
            return
        self._loop.call_soon_threadsafe(self.entered.set)
        self.open.wait(PATIENCE)


def make(
    behaviour: Behaviour | None = None, options: InferenceOptions = OPTIONS
) -> tuple[InferenceWorker, TinyModel, Inbox]:
    model, inbox = TinyModel(behaviour), Inbox()
    worker = InferenceWorker(
        lambda: model, options, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger()
    )
    return worker, model, inbox


@asynccontextmanager
async def running(
    behaviour: Behaviour | None = None, options: InferenceOptions = OPTIONS
) -> AsyncIterator[tuple[InferenceWorker, TinyModel, Inbox]]:
    worker, model, inbox = make(behaviour, options)
    await worker.start()
    if isinstance(behaviour, Gate):
        behaviour.warm = True
    try:
        yield worker, model, inbox
    finally:
        if isinstance(behaviour, Gate):
            behaviour.open.set()
        await worker.stop(grace=PATIENCE)


def frames(stream: str, count: int) -> list[Frame]:
    return [frame(stream, sequence, brightness=sequence % 256) for sequence in range(count)]


def ids(results: Sequence[Scores | Unscored]) -> list[str | None]:
    return [result.frame for result in results]


async def test_a_frame_comes_back_with_all_its_labels_and_timings() -> None:
    async with running() as (worker, model, inbox):
        sent = frame("cam", 3, brightness=51)
        worker.submit(sent)
        [scores] = await inbox.until(1)
    assert isinstance(scores, Scores)
    assert (scores.frame, scores.stream, scores.session, scores.sequence) == ("cam-0-3", "cam", 0, 3)
    assert (scores.received, scores.media_time, scores.captured_at) == (106.0, 6.0, sent.captured_at)
    assert list(scores.values) == list(LABELS)
    assert scores.values["gore.prob"] == pytest.approx(0.2)
    assert scores.weights == model.weights
    assert scores.batch_size == 1
    assert 0 <= scores.queued_seconds < PATIENCE
    assert 0 < scores.inference_seconds < PATIENCE
    assert inbox.batches[0].size == 1
    assert inbox.batches[0].queued >= 0.004  # the clock waited for company


async def test_the_model_is_loaded_warmed_and_run_by_one_thread() -> None:
    loaders: list[str] = []
    model, inbox = TinyModel(), Inbox()

    def load() -> TinyModel:
        loaders.append(threading.current_thread().name)
        return model

    worker = InferenceWorker(load, OPTIONS, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger())
    assert await worker.start() is model
    assert model.sizes == [1, 2, 4]
    worker.submit(frame("cam", 0))
    await inbox.until(1)
    await worker.stop()
    assert {*loaders} == model.threads == {"inference-device"}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference-")]


@pytest.mark.parametrize("error", [WeightsError("the heads have changed"), RuntimeError("no kernel image")])
async def test_weights_that_do_not_load_are_said_at_start(error: Exception) -> None:
    def load() -> TinyModel:
        raise error

    inbox = Inbox()
    worker = InferenceWorker(load, OPTIONS, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger())
    with pytest.raises(WeightsError):
        await worker.start()
    worker.submit(frame("cam", 0))
    assert inbox.reasons() == {"shutdown": 1}
    await worker.stop()


async def test_loading_has_a_time_limit() -> None:
    release = threading.Event()

    def load() -> TinyModel:
        release.wait(PATIENCE)
        return TinyModel()

    inbox = Inbox()
    options = replace(OPTIONS, load_timeout=0.05)
    worker = InferenceWorker(load, options, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger())
    with pytest.raises(WeightsError, match="not loaded in"):
        await worker.start()
    release.set()
    await worker.stop()


async def test_scores_of_a_stream_come_in_its_order() -> None:
    async with running() as (worker, _, inbox):
        for one, two in zip(frames("a", 40), frames("b", 40), strict=True):
            worker.submit(one)
            await asyncio.sleep(0)
            if one.sequence < 20:
                worker.submit(two)
        results = await inbox.until(60)
    for stream in "ab":
        order = [result.sequence for result in results if isinstance(result, Scores) and result.stream == stream]
        assert order == sorted(order)
    assert inbox.reasons() == {"scored": 60}


async def test_a_flooding_stream_neither_starves_nor_drops_another() -> None:
    gate = Gate()
    options = replace(OPTIONS, per_stream=4, queue_frames=8)
    async with running(gate, options) as (worker, _, inbox):
        worker.submit(frame("flood", 0))
        await asyncio.wait_for(gate.entered.wait(), PATIENCE)
        for sequence in range(1, 50):
            worker.submit(frame("flood", sequence))
        for sequence in range(3):
            worker.submit(frame("quiet", sequence))
        gate.open.set()
        results = await inbox.until(53)
    assert [r.reason for r in results if isinstance(r, Unscored) and r.stream == "quiet"] == []
    dropped = [r.frame for r in results if isinstance(r, Unscored)]
    assert {r.reason for r in results if isinstance(r, Unscored)} == {"queue_full"}
    kept = [r.sequence for r in results if isinstance(r, Scores) and r.stream == "flood"]
    assert kept[-4:] == [46, 47, 48, 49]  # newest wins
    assert len(dropped) + len(kept) == 50
    scored = [r.stream for r in results if isinstance(r, Scores)]
    assert scored[-1] == "flood"  # its four waiting frames and the three quiet ones took turns


async def test_a_model_that_raises_answers_its_frames_and_the_worker_goes_on() -> None:
    broken = threading.Event()

    def behaviour(_: torch.Tensor) -> None:
        if broken.is_set():
            raise ArithmeticError("rtmp://user:secret@host/ must not travel")

    async with running(behaviour) as (worker, _, inbox):
        broken.set()
        for one in frames("cam", 3):
            worker.submit(one)
        results = await inbox.until(3)
        assert [(r.reason, r.detail) for r in results if isinstance(r, Unscored)] == [
            ("model_error", "ArithmeticError")
        ] * 3
        assert results[0].media_time == 0.0
        broken.clear()
        worker.submit(frame("cam", 3))
        await inbox.until(4)
    assert inbox.reasons() == {"model_error": 3, "scored": 1}


async def test_a_poisonous_frame_fails_alone() -> None:
    def behaviour(batch: torch.Tensor) -> None:
        if (batch * 255).round().eq(200).any():
            raise ValueError

    async with running(behaviour) as (worker, model, inbox):
        model.poisoned_picture = 100
        for sequence, brightness in enumerate([10, 200, 30, 100]):
            worker.submit(frame("cam", sequence, brightness=brightness))
        results = await inbox.until(4)
    assert [type(result) for result in results] == [Scores, Unscored, Scores, Unscored]
    assert ids(results) == ["cam-0-0", "cam-0-1", "cam-0-2", "cam-0-3"]


async def test_nonsense_is_an_error_not_a_score() -> None:
    answers = iter(
        [
            np.full((1, len(LABELS)), np.nan, np.float32),
            np.full((1, len(LABELS)), 7.0, np.float32),
            np.full((1, 3), 0.5, np.float32),
        ]
    )
    warm = threading.Event()
    async with running(lambda _: next(answers, None) if warm.is_set() else None) as (worker, _, inbox):
        warm.set()
        for count in range(1, 5):
            worker.submit(frame("cam", count))
            await inbox.until(count)
    assert inbox.reasons() == {"model_error": 3, "scored": 1}


async def test_out_of_memory_makes_batches_smaller_not_frames_fewer() -> None:
    def behaviour(batch: torch.Tensor) -> None:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    async with running(behaviour) as (worker, model, inbox):
        for one in frames("cam", 12):
            worker.submit(one)
        await inbox.until(12)
        assert inbox.reasons() == {"scored": 12}
        assert model.sizes[:2] == [1, 2]  # warm-up found it out
        assert {*model.sizes[2:]} == {1}


async def test_a_hung_batch_is_noticed_answered_and_the_device_given_up() -> None:
    gate = Gate()
    async with running(gate, replace(OPTIONS, timeout=0.2, max_batch=2)) as (worker, _, inbox):
        began = asyncio.get_running_loop().time()
        for one in frames("cam", 5):
            worker.submit(one)
        upload = asyncio.create_task(worker.score(frames("api", 9)))
        error = await asyncio.wait_for(worker.lost(), PATIENCE)
        took = asyncio.get_running_loop().time() - began
        assert isinstance(error, DeviceLost)
        assert 0.2 <= took < 3.0
        assert inbox.reasons() == {"timeout": 2, "device_lost": 3}
        worker.submit(frame("cam", 9))
        assert inbox.results[-1] == Unscored("cam", 0, "device_lost", frame="cam-0-9", media_time=18.0)
        answers = await asyncio.wait_for(upload, PATIENCE)
        assert len(answers) == 9
        assert {answer.reason for answer in answers if isinstance(answer, Unscored)} == {"device_lost"}
        assert worker.progress().busy_since is not None
        gate.open.set()  # what the thread says too late is not heard
        await worker.stop()
    assert len(inbox.results) == 6


async def test_a_hang_while_preparing_is_noticed_too() -> None:
    release = threading.Event()

    class Stuck(TinyModel):
        def prepare(self, pictures: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]) -> torch.Tensor:
            if threading.current_thread().name == "inference-prepare":
                release.wait(PATIENCE)
            return super().prepare(pictures)

    inbox = Inbox()
    worker = InferenceWorker(
        Stuck,
        replace(OPTIONS, timeout=0.1),
        on_result=inbox.take,
        on_batch=inbox.count,
        log=structlog.get_logger(),
    )
    await worker.start()
    worker.submit(frame("cam", 0))
    await asyncio.wait_for(worker.lost(), PATIENCE)
    assert inbox.reasons() == {"timeout": 1}
    release.set()
    await worker.stop()


@pytest.mark.parametrize("error", [torch.AcceleratorError("CUDA error: device-side assert triggered"), SystemExit(3)])
async def test_a_device_that_fails_for_good_is_lost(error: BaseException) -> None:
    broken = threading.Event()

    def behaviour(_: torch.Tensor) -> None:
        if broken.is_set():
            raise error

    async with running(behaviour, replace(OPTIONS, max_batch=2)) as (worker, _, inbox):
        broken.set()
        for one in frames("cam", 5):
            worker.submit(one)
        lost = await asyncio.wait_for(worker.lost(), PATIENCE)
        assert isinstance(lost, DeviceLost)
        assert inbox.reasons() == {"device_lost": 5}
        assert await asyncio.wait_for(worker.lost(), PATIENCE) is lost


async def test_stop_scores_what_waits() -> None:
    worker, _, inbox = make(options=replace(OPTIONS, max_wait=30.0))
    await worker.start()
    for one in frames("cam", 6):
        worker.submit(one)
    await asyncio.wait_for(worker.stop(grace=PATIENCE), PATIENCE)
    assert inbox.reasons() == {"scored": 6}
    worker.submit(frame("cam", 7))
    assert inbox.reasons() == {"scored": 6, "shutdown": 1}


async def test_stop_counts_what_its_grace_does_not_suffice_for() -> None:
    gate = Gate()
    async with running(gate, replace(OPTIONS, max_batch=2)) as (worker, _, inbox):
        for one in frames("cam", 7):
            worker.submit(one)
        await asyncio.wait_for(gate.entered.wait(), PATIENCE)
        stopping = asyncio.create_task(worker.stop(grace=0.05))
        await asyncio.sleep(0)
        worker.submit(frame("late", 0))
        assert inbox.reasons() == {"shutdown": 1}
        await inbox.until(8)
        gate.open.set()
        await asyncio.wait_for(stopping, PATIENCE)
        assert inbox.reasons() == {"shutdown": 8}
        await worker.stop()
        assert len(inbox.results) == 8


async def test_forgetting_a_stream_answers_its_waiting_frames() -> None:
    gate = Gate()
    async with running(gate, replace(OPTIONS, max_batch=1)) as (worker, _, inbox):
        worker.submit(frame("gone", 0))
        await asyncio.wait_for(gate.entered.wait(), PATIENCE)
        for sequence in range(1, 4):
            worker.submit(frame("stays", sequence))
        await asyncio.to_thread(_until, lambda: worker.progress().depth == 2)  # one is prepared already
        for sequence in range(1, 4):
            worker.submit(frame("gone", sequence))
        worker.forget("gone")
        assert inbox.reasons() == {"stream_removed": 3}
        gate.open.set()
        await inbox.until(7)
    assert inbox.reasons() == {"stream_removed": 3, "scored": 4}


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came true")


async def test_uploads_are_answered_to_their_caller_alone_and_in_order() -> None:
    async with running() as (worker, _, inbox):
        sent = frames("api", 50)
        answers = await asyncio.wait_for(worker.score(sent), PATIENCE)
        assert ids(answers) == [one.id for one in sent]
        assert all(isinstance(answer, Scores) for answer in answers)
        assert inbox.results == []
        assert await worker.score([]) == []


async def test_two_uploads_share_the_lane() -> None:
    async with running(options=replace(OPTIONS, max_batch=1)) as (worker, model, _):
        long = asyncio.create_task(worker.score(frames("long", 200)))
        await asyncio.sleep(0)
        await asyncio.wait_for(worker.score(frames("short", 3)), PATIENCE)
        assert not long.done()
        assert len(model.sizes) < 60
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)


async def test_an_upload_waits_while_live_frames_pour_in_but_not_for_ever() -> None:
    options = replace(OPTIONS, max_batch=8, per_stream=8)
    async with running(options=options) as (worker, _, inbox):
        upload = asyncio.create_task(worker.score(frames("api", 24)))
        sequence = 0
        async with asyncio.timeout(PATIENCE):
            while not upload.done():
                inbox.changed.clear()
                while 2 * sequence - sum(inbox.reasons().values()) < 16:  # two batches: the live lanes never run dry
                    worker.submit(frame("live", sequence))
                    worker.submit(frame("live2", sequence))
                    sequence += 1
                await inbox.changed.wait()
        answers = await upload
        assert all(isinstance(answer, Scores) for answer in answers)
        scored = inbox.reasons()["scored"]
    assert scored >= 24  # live frames kept their place


async def test_a_cancelled_upload_leaves_no_frame_and_no_place_behind() -> None:
    gate = Gate()
    async with running(gate, replace(OPTIONS, max_batch=1)) as (worker, model, _):
        for _ in range(5):
            upload = asyncio.create_task(worker.score(frames("api", 9)))
            await asyncio.wait_for(gate.entered.wait(), PATIENCE)
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
            assert worker.progress().depth == 0
        gate.open.set()
        await asyncio.wait_for(worker.score(frames("api", 9)), PATIENCE)
        assert len(model.sizes) <= 1 + 2 + 9


async def test_a_listener_that_raises_costs_nobody_else_an_answer() -> None:
    inbox = Inbox()

    def picky(result: Scores | Unscored) -> None:
        inbox.take(result)
        if result.frame == "cam-0-0":
            raise LookupError

    worker = InferenceWorker(TinyModel, OPTIONS, on_result=picky, on_batch=inbox.count, log=structlog.get_logger())
    await worker.start()
    for one in frames("cam", 3):
        worker.submit(one)
    await inbox.until(3)
    await worker.stop()
    assert inbox.reasons() == {"scored": 3}


async def test_progress_tells_a_busy_device_from_an_idle_one() -> None:
    gate = Gate()
    async with running(gate) as (worker, _, inbox):
        idle = worker.progress()
        assert idle.busy_since is None
        worker.submit(frame("cam", 0))
        await asyncio.wait_for(gate.entered.wait(), PATIENCE)
        busy = worker.progress()
        assert busy.busy_since is not None
        assert busy.busy_since >= idle.last_progress
        gate.open.set()
        await inbox.until(1)
        after = worker.progress()
        assert after.busy_since is None
        assert after.last_progress >= busy.busy_since


@pytest.mark.parametrize("seed", range(12))
async def test_every_frame_is_answered_exactly_once_whenever_the_worker_stops(seed: int) -> None:
    rng = random.Random(seed)
    pause = threading.Event()
    slow = rng.uniform(0.0, 0.01)

    def behaviour(batch: torch.Tensor) -> None:
        pause.wait(slow)
        if rng.random() < 0.2:
            raise ValueError

    options = InferenceOptions(max_batch=rng.randint(1, 6), max_wait=0.002, queue_frames=10, per_stream=3)
    model, inbox = TinyModel(), Inbox()
    worker = InferenceWorker(
        lambda: model, options, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger()
    )
    await worker.start()
    model.behaviour = behaviour
    sent: list[str] = []
    uploads: list[asyncio.Task[list[Scores | Unscored]]] = []
    for sequence in range(rng.randint(1, 80)):
        one = frame(rng.choice("abc"), sequence)
        sent.append(one.id)
        worker.submit(one)
        if rng.random() < 0.1:
            uploads.append(asyncio.create_task(worker.score(frames(f"up{sequence}", rng.randint(1, 20)))))
        if rng.random() < 0.05:
            worker.forget(rng.choice("abc"))
        if rng.random() < 0.3:
            await asyncio.sleep(rng.uniform(0.0, 0.004))
    await asyncio.wait_for(worker.stop(grace=rng.choice([0.0, 0.01, 5.0])), PATIENCE)
    assert Counter(ids(inbox.results)) == Counter(sent)
    for answers in await asyncio.wait_for(asyncio.gather(*uploads), PATIENCE):
        assert len(set(ids(answers))) == len(answers)
    for stream in "abc":
        order = [r.sequence for r in inbox.results if isinstance(r, Scores) and r.stream == stream]
        assert order == sorted(order)

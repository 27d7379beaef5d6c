"""Features of single pictures: what training reads, made by the device thread, never in the way of live frames."""

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest
import structlog
import torch

from streamwatch.errors import DeviceLost, InferenceError
from streamwatch.inference.batcher import Batch, Batcher
from streamwatch.inference.features import WAITING, Errand, PictureFeatures
from streamwatch.inference.frame_queue import FrameQueue, Waiting
from streamwatch.inference.manifest import read_manifest
from streamwatch.inference.model import find_weights, load_model
from streamwatch.inference.preprocess import squash
from streamwatch.inference.worker import InferenceOptions, InferenceWorker
from streamwatch.learning.features import encode
from streamwatch.records.frame import Pixels
from streamwatch.records.scores import Scores
from tests.inference.test_worker import OPTIONS, PATIENCE, Gate, Inbox, running
from tests.inference.tiny_model import Behaviour, TinyModel, frame


class FeatureTinyModel(TinyModel):
    """Its features are the picture's brightness; brightness 13 breaks it, 14 breaks the device."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(behaviour)
        self.order: list[str] = []
        self.gate: threading.Event | None = None

    def forward(self, batch: torch.Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        self.order.append("batch")
        return super().forward(batch)

    def features(self, batch: torch.Tensor) -> list[PictureFeatures]:
        self.order.append("features")
        self.threads.add(threading.current_thread().name)
        if self.gate is not None:
            self.gate.wait(PATIENCE)
        brightness = round(float(batch[0]) * 255)
        if brightness == 13:
            raise ValueError("secret words")
        if brightness == 14:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        value = np.full((1, 1, 1), brightness, np.float16)
        return [PictureFeatures(value, value, "e" * 64, self.weights)]


def flat(brightness: int) -> Pixels:
    return np.full((8, 14, 3), brightness, np.uint8)


def worker_of(model: TinyModel, options: InferenceOptions = OPTIONS) -> tuple[InferenceWorker, Inbox]:
    inbox = Inbox()
    return (
        InferenceWorker(lambda: model, options, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger()),
        inbox,
    )


def test_the_starter_gives_what_training_extracts() -> None:
    model = load_model(find_weights("starter"), device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (240, 426, 3), np.uint8)
    [found] = model.features(model.prepare([picture]))
    maps = encode(model.encoder, squash(picture, 224)[None])
    assert found.last.shape == (1280, 7, 7)
    assert found.middle.shape == (152, 14, 14)
    assert found.last.dtype == found.middle.dtype == np.float16
    assert np.allclose(found.last, maps.last[0].numpy(), atol=1e-2)
    assert np.allclose(found.middle, maps.middle[0].numpy(), atol=2e-2)
    assert found.weights == model.weights
    assert found.encoder == read_manifest(find_weights("starter")).encoder_sha256


async def test_the_device_thread_answers_also_while_idle() -> None:
    model = FeatureTinyModel()
    worker, _ = worker_of(model)
    await worker.start()
    try:
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.gather(*(worker.features(flat(n)) for n in range(8)))
    finally:
        await worker.stop()
    assert [float(one.last[0, 0, 0]) for one in found] == list(range(8))
    assert model.threads == {"inference-device"}


async def test_a_picture_that_breaks_the_model_breaks_nothing_else() -> None:
    worker, inbox = worker_of(FeatureTinyModel())
    await worker.start()
    try:
        with pytest.raises(InferenceError, match="no features of this picture: ValueError") as caught:
            await worker.features(flat(13))
        assert "secret" not in str(caught.value)
        worker.submit(frame("cam", 0))
        [answer] = await inbox.until(1)
        assert isinstance(answer, Scores)
        assert (await worker.features(flat(7))).last == 7
    finally:
        await worker.stop()


async def test_a_device_that_fails_for_good_is_lost_and_says_so() -> None:
    worker, _ = worker_of(FeatureTinyModel())
    await worker.start()
    try:
        with pytest.raises(InferenceError, match="device_lost"):
            await worker.features(flat(14))
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await worker.lost(), DeviceLost)
        with pytest.raises(InferenceError, match="device_lost"):
            await worker.features(flat(1))
    finally:
        await worker.stop()


async def test_a_device_that_hangs_in_it_is_lost() -> None:
    model = FeatureTinyModel()
    worker, _ = worker_of(model, replace(OPTIONS, timeout=0.2))
    await worker.start()
    model.gate = threading.Event()
    try:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(InferenceError, match="device_lost"):
                await worker.features(flat(1))
            await worker.lost()
    finally:
        model.gate.set()
        await worker.stop()


async def test_too_many_are_refused_and_those_who_left_make_room() -> None:
    model = FeatureTinyModel()
    worker, _ = worker_of(model)
    await worker.start()
    model.gate = threading.Event()
    asked = [asyncio.create_task(worker.features(flat(1)))]
    try:
        async with asyncio.timeout(PATIENCE):
            while "features" not in model.order:  # noqa: ASYNC110 - the device thread tells nobody
                await asyncio.sleep(0.01)
            asked += [asyncio.create_task(worker.features(flat(2))) for _ in range(WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(InferenceError, match="Try again"):
                await worker.features(flat(3))
            asked.pop().cancel()
            await asyncio.sleep(0.01)
            asked.append(asyncio.create_task(worker.features(flat(4))))
            await asyncio.sleep(0)
            model.gate.set()
            answers = await asyncio.gather(*asked)
        assert [float(one.last[0, 0, 0]) for one in answers] == [1, *[2] * (WAITING - 1), 4]
    finally:
        model.gate.set()
        await worker.stop()


async def test_shutting_down_answers_who_waits() -> None:
    gate = Gate()
    async with running(gate) as (worker, _, _):
        worker.submit(frame("cam", 0))
        await gate.entered.wait()
        asked = asyncio.create_task(worker.features(flat(1)))
        await asyncio.sleep(0)
        await worker.stop(grace=0.05)
        with pytest.raises(InferenceError, match="shutdown"):
            await asked


async def test_weights_without_features_say_so() -> None:
    async with running() as (worker, _, _):
        with pytest.raises(InferenceError, match="these weights give no features"):
            await worker.features(flat(1))


def test_errands_and_batches_take_turns() -> None:
    batcher = Batcher(FrameQueue(frames=8, per_stream=8, uploads=8), max_wait=0.0, limit=1)
    errands = [Errand(flat(n), lambda _: None) for n in range(3)]
    assert all(batcher.put_errand(errand) for errand in errands)

    def offer(number: int) -> Batch:
        batch = Batch([Waiting(frame("s", number), 0.0)], 0.0, 0)
        batcher.offer(batch)
        return batch

    first = offer(0)
    assert batcher.prepared() is errands[0]
    assert batcher.prepared() is first
    second = offer(1)
    assert batcher.prepared() is errands[1]
    assert batcher.prepared() is second
    assert batcher.prepared() is errands[2]
    third = offer(2)
    assert batcher.prepared() is third
    batcher.close()
    assert batcher.prepared() is None
    assert not batcher.put_errand(errands[0])


def test_live_frames_are_taken_while_errands_run() -> None:
    batcher = Batcher(FrameQueue(frames=8, per_stream=8, uploads=8), max_wait=0.0, limit=8)
    assert batcher.put_errand(Errand(flat(0), lambda _: None))
    assert batcher.put_errand(Errand(flat(1), lambda _: None))
    assert isinstance(batcher.prepared(), Errand)
    batcher.put(Waiting(frame("s", 0), 0.0))
    batch = batcher.next_batch()  # would block if an errand counted as busy: the batch is only part-full
    assert batch is not None
    batcher.offer(batch)
    assert batcher.prepared() is batch

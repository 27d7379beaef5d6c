"""Frames per second of both models through the inference worker, against an encoder pass per model and a bare loop.

All contenders run in one process, so that its tuning (see streamwatch/inference/tuning.py) serves all alike.

``two_models``: the worker as it is, over the same worker with one encoder pass for each model. ``raw_loop``: the worker
as it is, over nothing but its engine in a loop, at the batch size that suits it best. ``engines``: see engines.py.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import structlog
import torch

from benchmarks import measure
from benchmarks.engines import compare_engines
from streamwatch.inference.engines.base import EngineOptions
from streamwatch.inference.manifest import read_manifest
from streamwatch.inference.model import EncoderModel, find_weights, load_model
from streamwatch.inference.tuning import tune_process
from streamwatch.inference.worker import BatchReport, InferenceOptions, InferenceWorker
from streamwatch.records.frame import Frame, Pixels
from streamwatch.records.labels import MODELS
from streamwatch.records.scores import Scores, Unscored

_RAW_BATCHES: Final = (1, 2, 4, 8, 16)
_TURN: Final = 1.0  # seconds that a contender runs in each round
_STREAMS: Final = 32
_PICTURES: Final = 16


class PassPerModel(EncoderModel):
    """The same weights as two models that do not know of each other."""

    def forward(self, batch: torch.Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """As EncoderModel, from one encoder pass for each model."""
        return np.concatenate([self.forward_model(batch, model) for model in MODELS], axis=1)


def pass_per_model(load: Callable[[], EncoderModel]) -> PassPerModel:
    """Loads the weights and gives them the slower forward."""
    model = load()
    model.__class__ = PassPerModel
    assert isinstance(model, PassPerModel)
    return model


def pictures() -> list[Pixels]:
    """Smooth coloured noise of the size of a delivered frame, 398 x 224."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (_PICTURES, 14, 25, 3), np.uint8)
    return [np.ascontiguousarray(np.kron(one, np.ones((16, 16, 1), np.uint8))[:, :398]) for one in coarse]


class Flood:
    """Keeps a worker's queue full and counts what comes out."""

    def __init__(self, load: Callable[[], EncoderModel], options: InferenceOptions) -> None:
        log = structlog.wrap_logger(structlog.PrintLogger(), processors=[_silence])
        self.worker = InferenceWorker(load, options, on_result=self._take, on_batch=self._count, log=log)
        self.batches: list[BatchReport] = []
        self._ahead = 4 * options.max_batch
        self._pictures = pictures()
        self._sent = self._scored = self._answered = 0
        self._until = 0.0
        self._drained = asyncio.Event()

    async def turn(self) -> float:
        """Frames per second from the first frame in to the last one out."""
        self._drained.clear()
        before, began = self._scored, time.perf_counter()
        self._until = began + _TURN
        for _ in range(self._ahead):
            self._submit()
        await self._drained.wait()
        return (self._scored - before) / (time.perf_counter() - began)

    def _submit(self) -> None:
        number = self._sent
        self._sent += 1
        frame = Frame(
            id=f"bench-0-{number}",
            stream=f"bench{number % _STREAMS}",
            session=0,
            sequence=number,
            pixels=self._pictures[number % _PICTURES],
            received=time.monotonic(),
            media_time=float(number),
            captured_at=time.time(),
            captured_from="receipt",
            interval=2.0,
            source_width=1920,
            source_height=1080,
        )
        self.worker.submit(frame)

    def _take(self, result: Scores | Unscored) -> None:
        self._answered += 1
        self._scored += isinstance(result, Scores)
        if time.perf_counter() < self._until:
            self._submit()
        elif self._answered == self._sent:
            self._drained.set()

    def _count(self, batch: BatchReport) -> None:
        self.batches.append(batch)


class RawLoop:
    """The engine and nothing else, on tensors that are ready."""

    def __init__(self, model: EncoderModel) -> None:
        self._model = model
        self.engine = model.engine
        self._batches: dict[int, torch.Tensor] = {}
        some = pictures()
        for size in _RAW_BATCHES:
            self._batches[size] = model.prepare(some[:size])

    def at(self, size: int, seconds: float = _TURN) -> measure.Contender:
        """The loop at one batch size."""

        async def turn() -> float:
            return self._run(size, seconds)

        return turn

    def _run(self, size: int, seconds: float) -> float:
        batch, done, began = self._batches[size], 0, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() < began + seconds:
                self._model.engine(batch)
                done += size
            if self._model.device.type == "cuda":
                torch.cuda.synchronize()
        return done / (time.perf_counter() - began)


def _silence(*_: Any) -> Any:
    raise structlog.DropEvent


async def compare(load: Callable[[], EncoderModel], *, seconds: float, options: InferenceOptions) -> dict[str, Any]:
    """The whole comparison; ``seconds`` is about how long the measured rounds take."""
    raw = RawLoop(load())
    sizes = await measure.interleaved({str(size): raw.at(size, _TURN / 2) for size in _RAW_BATCHES}, rounds=3)
    best = max(_RAW_BATCHES, key=lambda size: measure.medians(sizes)[str(size)])
    both = Flood(load, options)
    each = Flood(partial(pass_per_model, load), options)
    model = await both.worker.start()
    await each.worker.start()
    try:
        contenders = {"worker": both.turn, "pass_per_model": each.turn, "raw_loop": raw.at(best)}
        figures = await measure.interleaved(contenders, rounds=max(3, round(seconds / (3 * _TURN))))
    finally:
        await both.worker.stop()
        await each.worker.stop()
    return {
        "ratios": {
            "two_models": measure.ratio(figures["worker"], figures["pass_per_model"]),
            "raw_loop": measure.ratio(figures["worker"], figures["raw_loop"]),
        },
        "frames_per_second": measure.medians(figures),
        "raw_frames_per_second_by_batch": measure.medians(sizes),
        "raw_batch": best,
        "worker_batch": _mean([batch.size for batch in both.batches]),
        "max_batch": options.max_batch,
        "rounds": len(figures["worker"]),
        "weights": model.weights.name,
        "engine": f"{raw.engine.name} {raw.engine.precision}",
        "device": str(torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / max(1, len(values)), 2)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--seconds", type=float, default=30.0, help="about how long the measured rounds take")
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--threads", type=int, help="torch's CPU threads; default: torch decides")
    parser.add_argument("--engine", choices=("auto", "torch", "compile", "openvino"), default="auto")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--compiled", action="store_true", help="compare torch.compile too: it takes minutes")
    parser.add_argument("--max-batch", type=int, default=InferenceOptions().max_batch)
    arguments = parser.parse_args()
    if "OMP_WAIT_POLICY" not in os.environ:
        # The daemon sets it before it imports torch; here torch is imported already, so the process begins anew.
        tune_process()
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.inference", *sys.argv[1:]])
    tune_process()
    options = replace(InferenceOptions(), max_batch=arguments.max_batch, best_batch=True)
    folder = find_weights(arguments.weights)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    engine = EngineOptions(arguments.engine, arguments.precision)
    load = partial(load_model, folder, threads=arguments.threads, engine=engine, log=log)
    result = asyncio.run(compare(load, seconds=arguments.seconds, options=options))
    rounds = max(3, round(arguments.seconds / 5))
    result |= asyncio.run(compare_engines(read_manifest(folder), rounds=rounds, compiled=arguments.compiled))
    measure.report(result, as_json=arguments.json)


if __name__ == "__main__":
    main()

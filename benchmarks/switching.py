"""What a shadow and a switch cost live frames: ``python -m benchmarks.switching [--rate 4] [--json]``."""

import argparse
import asyncio
import json
import logging
import time
from functools import partial
from typing import Final

import numpy as np
import structlog

from streamwatch.inference.tuning import tune_process

tune_process()  # before torch is imported

from streamwatch.inference.manifest import find_weights  # noqa: E402
from streamwatch.inference.model import load_model  # noqa: E402
from streamwatch.inference.shadow import ShadowScorer  # noqa: E402
from streamwatch.inference.worker import InferenceOptions, InferenceWorker  # noqa: E402
from streamwatch.records.frame import Frame  # noqa: E402
from streamwatch.records.scores import Scores, Unscored  # noqa: E402

_PICTURE: Final = np.random.default_rng(0).integers(0, 255, (224, 398, 3), dtype=np.uint8)


class Fleet:
    """Fifty streams that send a frame in turn, and how long each frame waits for its scores."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._sent: dict[str, float] = {}
        self._number = 0
        self.waited: list[float] = []
        self.unscored = 0
        self.answered = asyncio.Event()

    def took(self, result: Scores | Unscored) -> None:
        """An answer came."""
        self.answered.set()
        self.unscored += isinstance(result, Unscored)
        if result.frame is not None:
            self.waited.append(time.monotonic() - self._sent.pop(result.frame))

    async def run(self, worker: InferenceWorker, seconds: float) -> dict[str, float]:
        """Milliseconds from a frame's coming to its scores."""
        self.waited.clear()
        begun = time.monotonic()
        for count in range(round(seconds * self._rate)):
            await asyncio.sleep(max(0.0, begun + count / self._rate - time.monotonic()))
            self._number += 1
            stream, now = f"s{self._number % 50}", time.monotonic()
            one = Frame(
                f"{stream}-0-{self._number}", stream, 0, self._number, _PICTURE, now, now, now, "receipt", 2.0, 640, 360
            )
            self._sent[one.id] = now
            worker.submit(one)
        while self._sent:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # two wait for answers, and an event wakes both only once
        found = sorted(1000 * waited for waited in self.waited)
        return {
            "median_ms": round(found[len(found) // 2]),
            "p95_ms": round(found[int(0.95 * len(found))]),
            "max_ms": round(found[-1]),
        }


async def measure(rate: float, seconds: float) -> dict[str, object]:
    """Live frames alone, beside a shadow that never pauses, and while other weights are loaded and take over."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    fleet, folder = Fleet(rate), find_weights("starter")
    load = partial(load_model, folder, device="auto", threads=1)
    worker = InferenceWorker(
        load, InferenceOptions(), on_result=fleet.took, on_batch=lambda _: None, log=structlog.get_logger()
    )
    await worker.start()
    figures: dict[str, object] = {"rate": rate, "alone": await fleet.run(worker, seconds)}
    scorer = ShadowScorer(partial(load_model, folder))
    await scorer.start()
    scored: list[float] = []
    shadow = asyncio.create_task(_never_pause(scorer, worker, fleet, scored))
    figures["beside_a_shadow"] = await fleet.run(worker, seconds)
    shadow.cancel()
    await asyncio.gather(shadow, return_exceptions=True)
    figures["shadow_frames"] = len(scored)
    scorer.stop()
    begun = time.monotonic()
    ended: list[float] = []
    beside = asyncio.create_task(worker.load_beside(load, gently=True))
    beside.add_done_callback(lambda _: ended.append(time.monotonic()))
    figures["during_a_switch"] = await fleet.run(worker, seconds)
    loaded = await beside
    figures["loading_seconds"] = round(ended[0] - begun, 1)
    begun = time.monotonic()
    worker.switch(loaded)
    figures["handing_over_ms"] = round(1000 * (time.monotonic() - begun), 2)
    figures["unscored"] = fleet.unscored
    await worker.stop()
    return figures


async def _never_pause(scorer: ShadowScorer, worker: InferenceWorker, fleet: Fleet, scored: list[float]) -> None:
    while True:
        if worker.is_busy():
            fleet.answered.clear()
            await fleet.answered.wait()
            continue
        scored.append((await scorer.score(_PICTURE)).seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=4.0, help="live frames a second (default: 4)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (default: 20)")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = asyncio.run(measure(chosen.rate, chosen.seconds))
    print(json.dumps(found) if chosen.json else "\n".join(f"{key}: {value}" for key, value in found.items()))

"""The batcher: when a batch closes, and that the next one is ready while the device works."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import pytest

from streamwatch.inference.batcher import Batch, Batcher, wait_before_batch
from streamwatch.inference.features import Errand
from streamwatch.inference.frame_queue import FrameQueue, Waiting
from tests.inference.tiny_model import frame

PATIENCE = 5.0


def wait(
    now: float, *, depth: int, oldest: float | None, limit: int = 8, device_busy: bool = False, max_wait: float = 0.05
) -> float | None:
    return wait_before_batch(now, depth=depth, limit=limit, oldest=oldest, max_wait=max_wait, device_busy=device_busy)


def test_an_empty_queue_waits_without_limit() -> None:
    assert wait(1000.0, depth=0, oldest=None) is None


def test_the_clock_starts_at_the_first_frame() -> None:
    assert wait(1000.0, depth=1, oldest=1000.0) == pytest.approx(0.05)
    assert wait(1000.03, depth=3, oldest=1000.0) == pytest.approx(0.02)
    assert wait(1000.05, depth=3, oldest=1000.0) == 0.0
    assert wait(1009.0, depth=3, oldest=1000.0) == 0.0


def test_a_full_batch_goes_at_once_even_while_the_device_works() -> None:
    assert wait(1000.0, depth=8, oldest=1000.0) == 0.0
    assert wait(1000.0, depth=8, oldest=1000.0, device_busy=True) == 0.0


def test_a_part_full_batch_stays_open_while_the_device_works() -> None:
    assert wait(1000.0, depth=7, oldest=1.0, device_busy=True) is None


class Bench:
    """A batcher with a clock that only moves when told, and helper threads that are sure to end."""

    def __init__(self, *, limit: int = 4, max_wait: float = 0.05) -> None:
        self.now = 0.0
        queue = FrameQueue(frames=64, per_stream=32, uploads=8)
        self.batcher = Batcher(queue, max_wait=max_wait, limit=limit, clock=lambda: self.now)
        self.pool = ThreadPoolExecutor(4)
        self.sent = 0

    def put(self, count: int = 1) -> None:
        for _ in range(count):
            self.batcher.put(Waiting(frame("s", self.sent), self.now))
            self.sent += 1

    def take(self) -> "Future[Batch | None]":
        return self.pool.submit(self.batcher.next_batch)

    def device_asks(self) -> "Future[Batch | Errand | None]":
        return self.pool.submit(self.batcher.prepared)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.batcher.close()
        self.pool.shutdown()


def got(future: "Future[Batch | None] | Future[Batch | Errand | None]") -> Batch:
    batch = future.result(PATIENCE)
    assert isinstance(batch, Batch)
    return batch


def stays_pending(future: "Future[Batch | None] | Future[Batch | Errand | None]") -> bool:
    with pytest.raises(TimeoutError):
        future.result(0.1)
    return True


def test_a_batch_waits_for_its_first_frame_then_for_company() -> None:
    with Bench(max_wait=0.02) as bench:
        pending = bench.take()
        assert stays_pending(pending)
        bench.now = 500.0  # the idle time must not count as waiting
        bench.put()
        assert stays_pending(pending)
        bench.now = 500.03
        batch = got(pending)
        assert len(batch.waiting) == 1
        assert batch.taken_at == 500.03


def test_a_full_batch_does_not_wait_for_the_clock() -> None:
    with Bench(limit=4, max_wait=60.0) as bench:
        pending = bench.take()
        bench.put(5)
        batch = got(pending)
        assert [entry.frame.sequence for entry in batch.waiting] == [0, 1, 2, 3]
        assert batch.depth == 1


def test_one_batch_is_prepared_while_the_device_works_and_no_second() -> None:
    with Bench(limit=2) as bench:
        bench.put(8)
        first = got(bench.take())
        bench.batcher.offer(first)
        assert got(bench.device_asks()) is first
        second = got(bench.take())
        bench.batcher.offer(second)
        third = bench.take()
        assert stays_pending(third)
        assert bench.batcher.depth == 4
        assert got(bench.device_asks()) is second
        assert [entry.frame.sequence for entry in got(third).waiting] == [4, 5]


def test_a_part_full_batch_goes_when_the_device_comes_free() -> None:
    with Bench(limit=2, max_wait=0.0) as bench:
        bench.put(3)
        bench.batcher.offer(got(bench.take()))
        got(bench.device_asks())
        second = bench.take()
        assert stays_pending(second)
        idle = bench.device_asks()
        batch = got(second)
        assert len(batch.waiting) == 1
        bench.batcher.offer(batch)
        assert got(idle) is batch


def test_draining_takes_what_is_there() -> None:
    with Bench(max_wait=60.0) as bench:
        bench.put()
        pending = bench.take()
        assert stays_pending(pending)
        bench.batcher.drain_soon()
        assert len(got(pending).waiting) == 1


def test_closing_ends_both_waits_and_hands_everything_back() -> None:
    with Bench(limit=2) as bench:
        bench.put(3)
        taken = got(bench.take())
        bench.batcher.offer(taken)
        running = got(bench.device_asks())
        batches, rest = bench.batcher.close()
        assert batches == [running]
        assert [entry.frame.sequence for entry in rest] == [2]
        assert bench.take().result(PATIENCE) is None
        assert bench.device_asks().result(PATIENCE) is None
        assert not bench.batcher.settle(running)


def test_a_batch_is_settled_once() -> None:
    with Bench() as bench:
        bench.put(4)
        batch = got(bench.take())
        assert not bench.batcher.empty
        assert bench.batcher.settle(batch)
        assert bench.batcher.empty
        assert not bench.batcher.settle(batch)


def test_a_lowered_limit_counts_from_the_next_batch() -> None:
    with Bench(limit=4) as bench:
        bench.put(6)
        assert len(got(bench.take()).waiting) == 4
        bench.batcher.limit = 1
        assert len(got(bench.take()).waiting) == 1


def test_frames_put_from_one_thread_arrive_whole_in_another() -> None:
    with Bench(limit=3, max_wait=0.0) as bench:
        seen: list[int] = []
        finished = threading.Event()

        def consume() -> None:
            while (batch := bench.batcher.next_batch()) is not None:
                seen.extend(entry.frame.sequence for entry in batch.waiting)
                if len(seen) == 30:
                    finished.set()

        bench.pool.submit(consume)
        bench.put(30)
        assert finished.wait(PATIENCE)
        assert seen == list(range(30))

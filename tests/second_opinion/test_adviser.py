"""Who is asked, who waits, and what an endpoint that fails, hangs or costs too much can do: nothing to alerts."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from streamwatch.backoff import Backoff
from streamwatch.records.opinion import SecondOpinion
from streamwatch.second_opinion.adviser import Adviser, Begun, Inquiry
from streamwatch.second_opinion.options import EndpointOptions, OpinionMeters, OpinionOptions
from streamwatch.second_opinion.restraint import FAILURES, Breaker, Budget
from tests.second_opinion.vlm import QUESTIONS, jpeg, says, vlm, weighs
from tests.store.samples import Log

LABELS = ("gore.prob", "gore.type.real")


@dataclass
class Bench:
    """An adviser at work, and what it told."""

    adviser: Adviser
    outcomes: list[str]
    seconds: list[float]
    log: Log
    lapsed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, labels: tuple[str, ...] = LABELS, frames: tuple[str, ...] = ("f1",), stream: str = "cam") -> Any:
        told: asyncio.Queue[SecondOpinion] = asyncio.Queue()
        return self.adviser.begin(Inquiry("i", stream, labels, frames, tell=told.put_nowait, lapsed=self._lapse)), told

    async def ask(self, **more: Any) -> SecondOpinion:
        begun, told = self.begin(**more)
        assert begun.opinion.outcome == "late"
        async with asyncio.timeout(8.0):
            opinion: SecondOpinion = await told.get()
        return opinion

    def _lapse(self) -> None:
        self.lapsed.set()


@asynccontextmanager
async def bench(
    endpoint: EndpointOptions, *, gone: bool = False, clock: Callable[[], float] = time.monotonic, **changes: Any
) -> AsyncIterator[Bench]:
    options = OpinionOptions(endpoint, QUESTIONS, **changes)

    async def fetch(_: str) -> bytes | None:
        return None if gone else jpeg()

    log, outcomes, seconds = Log(), list[str](), list[float]()
    meters = OpinionMeters(outcomes.append, seconds.append)
    adviser = Adviser(options, fetch=fetch, meters=meters, log=log.logger, clock=clock, rng=random.Random(1))
    running = asyncio.create_task(adviser.run())
    try:
        yield Bench(adviser, outcomes, seconds, log)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_each_label_is_asked_about_in_each_picture() -> None:
    async with vlm(weighs(0.9)) as endpoint, bench(endpoint.options(), mode="confirm") as work:
        opinion = await work.ask(frames=("f1", "f2", "f3"))
    assert len(endpoint.asked) == len(LABELS) * 2
    assert (opinion.outcome, opinion.mode, opinion.model) == ("confirmed", "confirm", "stand-in-vl")
    assert opinion.questions == QUESTIONS.name
    assert [(one.label, one.answer) for one in opinion.answers] == [(label, "yes") for label in LABELS]
    assert work.outcomes == ["confirmed"]
    assert len(work.seconds) == 1


@pytest.mark.parametrize(("word", "outcome"), [("no", "denied"), ("perhaps", "unclear")])
async def test_no_is_a_denial_and_anything_else_unclear(word: str, outcome: str) -> None:
    async with vlm(says(word)) as endpoint, bench(endpoint.options()) as work:
        assert (await work.ask()).outcome == outcome


async def test_a_label_without_a_question_is_never_denied() -> None:
    async with vlm(says("no")) as endpoint, bench(endpoint.options()) as work:
        assert (await work.ask(labels=("gore.prob", "gore.classes.skull"))).outcome == "unclear"
        begun, _ = work.begin(labels=("gore.classes.skull",))
        assert (begun.opinion.outcome, begun.wait) == ("skipped", 0.0)


async def test_only_what_is_wanted_is_asked_about() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), labels=("self-harm",), streams=("lobby-*",)) as work:
        assert work.begin(labels=LABELS, stream="lobby-1")[0] is None
        assert work.begin(labels=("self-harm.prob",), stream="gate")[0] is None
        assert work.begin(labels=("self-harm.prob",), stream="lobby-1")[0] is not None


async def test_a_picture_that_is_gone_is_told_at_once_and_says_nothing_of_the_endpoint() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), gone=True) as work:
        for _ in range(FAILURES + 1):
            assert (await work.ask()).outcome == "skipped"
        assert work.adviser.warning is None
    assert not endpoint.asked


async def test_a_late_answer_is_told_and_late_ones_in_a_row_are_not_waited_for() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), timeout=0.05) as work:
        endpoint.reply = endpoint.hang
        for _ in range(3):
            begun, told = work.begin()
            assert begun.wait == 0.05
            await asyncio.wait_for(work.lapsed.wait(), 5.0)
            work.lapsed.clear()
            endpoint.release.set()
            assert (await told.get()).outcome == "denied"
            endpoint.release.clear()
        assert work.outcomes == ["late"] * 3
        assert "do not wait" in str(work.adviser.warning)
        begun, told = work.begin()
        assert begun.wait == 0.0
        endpoint.release.set()
        await told.get()


async def test_answers_in_time_are_waited_for_again() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), timeout=1.0) as work:
        work.adviser._overdue = 3
        assert work.begin()[0].wait == 0.0
        await work.ask()
        assert work.adviser.warning is None
        assert work.begin()[0].wait == 1.0


async def test_an_answer_that_never_comes_is_given_up() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), timeout=0.05, give_up=0.1) as work:
        endpoint.reply = endpoint.hang
        opinion = await work.ask()
    assert (opinion.outcome, opinion.detail) == ("error", "no answer in 0.15 s")


async def test_an_endpoint_that_is_down_is_left_alone_and_tried_again() -> None:
    def fail(_: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=503)

    ahead = 0.0
    retry = Backoff(base=10.0, ceiling=10.0, floor=5.0)
    async with (
        vlm(fail) as endpoint,
        bench(endpoint.options(), retry=retry, clock=lambda: time.monotonic() + ahead) as work,
    ):
        for _ in range(FAILURES):
            assert (await work.ask(labels=("gore.prob",))).outcome == "error"
        assert "HTTP 503" in str(work.adviser.warning)
        asked = len(endpoint.asked)
        begun, _ = work.begin()
        assert begun == Begun(replace(begun.opinion, outcome="skipped"), 0.0)
        assert len(endpoint.asked) == asked
        ahead = 11.0
        endpoint.reply = says("yes")
        trial, told = work.begin()
        assert (trial.opinion.outcome, trial.wait) == ("late", 0.0)
        assert work.begin()[0].opinion.outcome == "skipped"  # one at a time
        assert (await told.get()).outcome == "confirmed"
        assert work.adviser.warning is None
        assert work.begin()[0].wait == 3.0
    assert [entry["log_level"] for entry in work.log.events("second_opinion.down")] == ["warning"]


async def test_the_budget_is_kept_and_what_is_beyond_it_is_counted() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), calls_per_minute=5) as work:
        await work.ask()
        await work.ask()
        begun, _ = work.begin()
        assert (begun.opinion.outcome, begun.opinion.detail) == ("skipped", "the budget of calls is spent")
    assert len(endpoint.asked) == 4
    assert work.outcomes == ["confirmed", "confirmed", "skipped"]


async def test_a_full_queue_asks_nobody() -> None:
    async with vlm() as endpoint, bench(endpoint.options(), queue=2) as work:
        endpoint.reply = endpoint.hang
        assert [work.begin()[0].opinion.outcome for _ in range(3)] == ["late", "late", "skipped"]


async def test_no_more_calls_at_a_time_than_allowed() -> None:
    running = most = 0

    async def count(_: dict[str, Any]) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return web.Response(status=204)

    async with vlm(count) as endpoint, bench(endpoint.options(concurrency=2), frames=8) as work:
        await work.ask(frames=tuple("abcd"))
    assert len(endpoint.asked) == 8
    assert most == 2


async def test_who_is_retired_ends_what_was_begun() -> None:
    async with vlm() as endpoint, bench(endpoint.options()) as work:
        _, told = work.begin()
        work.adviser.retire()
        assert work.begin()[0] is None
        assert (await told.get()).outcome == "confirmed"


def test_a_budget_grows_with_time() -> None:
    budget = Budget(60, now=0.0)
    assert budget.take(60, 0.0)
    assert not budget.take(1, 0.5)
    assert budget.take(2, 2.5)
    assert not budget.take(61, 1e6)


def test_pauses_grow_and_a_trial_that_tells_nothing_frees_its_place() -> None:
    breaker = Breaker(Backoff(base=10.0, ceiling=80.0, floor=10.0), random.Random(1))
    assert not any(breaker.failed("x", 0.0) for _ in range(FAILURES - 1))
    assert breaker.failed("x", 0.0)
    assert not breaker.allows(9.0)
    assert breaker.allows(10.0)
    breaker.enter()
    assert not breaker.allows(10.0)
    breaker.leave()
    assert breaker.allows(10.0)
    breaker.enter()
    assert not breaker.failed("y", 10.0)
    assert breaker.again_in(10.0) >= 10.0
    assert breaker.succeeded()
    assert not breaker.open


async def test_a_fault_of_ours_costs_one_opinion() -> None:
    async with vlm() as endpoint, bench(endpoint.options()) as work:
        good = work.adviser._fetch

        async def broken(_: str) -> bytes | None:
            raise RuntimeError("boom")

        work.adviser._fetch = broken
        assert (await work.ask()).outcome == "error"
        work.adviser._fetch = good
        assert (await work.ask()).outcome == "confirmed"

"""Asks for opinions on incidents, within a budget, and knows when nobody should wait for them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import OpinionError
from streamwatch.records.opinion import OpinionOutcome, SecondOpinion
from streamwatch.records.questions import Question
from streamwatch.second_opinion.endpoint import Endpoint
from streamwatch.second_opinion.findings import Finding, Found, weigh
from streamwatch.second_opinion.options import OpinionMeters, OpinionOptions
from streamwatch.second_opinion.protocol import data_url
from streamwatch.second_opinion.restraint import Breaker, Budget

PATIENCE: Final = 3
"""Late answers in a row, after which alerts wait no more until one comes in time."""


class Begun(NamedTuple):
    """What the alert says at once, and how many seconds it may wait for better."""

    opinion: SecondOpinion
    wait: float


@dataclass(slots=True)
class Inquiry:
    """One incident to ask about. The callables must return at once."""

    incident: str
    stream: str
    labels: tuple[str, ...]
    frames: tuple[str, ...]
    """The most telling first."""
    tell: Callable[[SecondOpinion], None]
    """The opinion, once, unless the daemon stops before."""
    lapsed: Callable[[], None] = lambda: None
    """The alert waits no more."""
    began: float = field(default=0.0, init=False)
    wait: float = field(default=0.0, init=False)
    overdue: bool = field(default=False, init=False)


class Adviser:
    """One endpoint, one set of questions. ``fetch`` gives a frame's JPEG; ``clock`` is CLOCK_MONOTONIC.

    Full (``queue``), beyond the budget, or while the endpoint is down: nobody is asked, the opinion says ``skipped``
    and no alert waits. While it is down one incident at a time is asked about, with growing pauses; its alert does not
    wait either.
    """

    def __init__(
        self,
        options: OpinionOptions,
        *,
        fetch: Callable[[str], Awaitable[bytes | None]],
        meters: OpinionMeters,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._options = options
        self._fetch = fetch
        self._meters = meters
        self._log = log
        self._clock = clock
        self._breaker = Breaker(options.retry, rng)
        self._budget = Budget(options.calls_per_minute, clock())
        self._waiting: asyncio.Queue[Inquiry | None] = asyncio.Queue()
        self._busy = 0
        self._overdue = 0
        self._retired = False

    @property
    def warning(self) -> str | None:
        """What is wrong with the endpoint, in words."""
        if self._breaker.open:
            again = self._breaker.again_in(self._clock())
            return (
                f"the second opinion gives no answers, alerts go without it ({self._breaker.reason}); "
                f"asked again in {again:.0f} s"
            )
        if self._overdue >= PATIENCE:
            return (
                f"the second opinion takes longer than {self._options.timeout:g} s: alerts do not wait for it any more"
            )
        return None

    def begin(self, inquiry: Inquiry) -> Begun | None:
        """Ask about an incident; returns at once. None when this one is not to be asked about."""
        options = self._options
        if self._retired or not options.wants(inquiry.stream, inquiry.labels):
            return None
        calls = sum(options.questions.about(label) is not None for label in inquiry.labels) * min(
            options.frames, len(inquiry.frames)
        )
        now = self._clock()
        refusal = self._refusal(calls, now)
        if refusal is not None:
            self._meters.outcome("skipped")
            return Begun(self._opinion(inquiry, "skipped", detail=refusal), 0.0)
        trial = self._breaker.open
        self._breaker.enter()
        inquiry.began = now
        inquiry.wait = 0.0 if trial or self._overdue >= PATIENCE else options.timeout
        self._busy += 1
        self._waiting.put_nowait(inquiry)
        return Begun(self._opinion(inquiry, "late", detail=f"no answer in {options.timeout:g} s"), inquiry.wait)

    def retire(self) -> None:
        """Take no more; ``run`` ends once what was begun is over."""
        if not self._retired:
            self._retired = True
            self._waiting.put_nowait(None)

    async def run(self) -> None:
        """Ask until retired or cancelled."""
        async with Endpoint(self._options.endpoint) as endpoint, asyncio.TaskGroup() as group:
            while (inquiry := await self._waiting.get()) is not None:
                group.create_task(self._attend(endpoint, inquiry), name=f"second opinion on {inquiry.incident}")

    def _refusal(self, calls: int, now: float) -> str | None:
        """Why nobody is asked, in words."""
        if calls == 0:
            return "there is no question about it, or no picture of it"
        if self._busy >= self._options.queue:
            return "too many incidents at once"
        if not self._breaker.allows(now):
            return "the endpoint gives no answers"
        if not self._budget.take(calls, now):
            return "the budget of calls is spent"
        return None

    async def _attend(self, endpoint: Endpoint, inquiry: Inquiry) -> None:
        loop = asyncio.get_running_loop()
        left = inquiry.began + inquiry.wait - self._clock()
        timer = loop.call_later(max(0.0, left), self._lapse, inquiry) if inquiry.wait else None
        try:
            opinion = await self._ask(endpoint, inquiry)
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours costs one opinion, never an alert; it reports
            self._log.exception("second_opinion.fault", incident=inquiry.incident)
            self._breaker.leave()
            opinion = self._opinion(inquiry, "error", detail=f"internal fault: {type(error).__name__}")
        finally:
            self._busy -= 1
            if timer is not None:
                timer.cancel()
        self._count(inquiry, opinion)
        inquiry.tell(opinion)

    def _lapse(self, inquiry: Inquiry) -> None:
        inquiry.overdue = True
        self._overdue += 1
        inquiry.lapsed()

    async def _ask(self, endpoint: Endpoint, inquiry: Inquiry) -> SecondOpinion:
        try:
            async with asyncio.timeout(self._options.timeout + self._options.give_up):
                pictures = await asyncio.gather(
                    *(self._fetch(frame) for frame in inquiry.frames[: self._options.frames])
                )
                urls = [data_url(picture) for picture in pictures if picture is not None]
                if not urls:
                    self._breaker.leave()
                    return self._opinion(inquiry, "skipped", detail="the pictures are gone")
                finding, fault = await self._put(endpoint, inquiry, urls)
        except TimeoutError:
            finding, fault = Finding("error", ()), f"no answer in {self._options.timeout + self._options.give_up:g} s"
        now = self._clock()
        if finding.outcome == "error":
            if self._breaker.failed(fault, now):
                self._log.warning("second_opinion.down", reason=fault)
            return self._opinion(inquiry, "error", detail=fault)
        if self._breaker.succeeded():
            self._log.info("second_opinion.back")
        if now - inquiry.began <= self._options.timeout:
            self._overdue = 0
        self._meters.seconds(now - inquiry.began)
        return self._opinion(inquiry, finding.outcome, finding=finding, seconds=now - inquiry.began)

    async def _put(self, endpoint: Endpoint, inquiry: Inquiry, urls: list[str]) -> tuple[Finding, str]:
        """Every question about every picture; the finding, and the first fault in words."""
        found: dict[str, list[Found]] = {}
        faults: list[str] = []

        async def put(question: Question, url: str) -> None:
            try:
                answer: Found = await endpoint.ask(
                    question, self._options.questions.instruction, url, self._options.certainty
                )
            except OpinionError as error:
                answer = None
                faults.append(str(error).rstrip("."))
            found.setdefault(question.label, []).append(answer)

        questions = [one for label in inquiry.labels if (one := self._options.questions.about(label)) is not None]
        async with asyncio.TaskGroup() as group:
            for question in questions:
                for url in urls:
                    group.create_task(put(question, url), name=f"question about {question.label}")
        return weigh(inquiry.labels, found), next(iter(faults), "")

    def _count(self, inquiry: Inquiry, opinion: SecondOpinion) -> None:
        self._meters.outcome("late" if inquiry.overdue else opinion.outcome)
        self._log.info(
            "second_opinion.given",
            incident=inquiry.incident,
            stream=inquiry.stream,
            outcome=opinion.outcome,
            late=inquiry.overdue,
            seconds=opinion.seconds,
            detail=opinion.detail,
        )

    def _opinion(
        self,
        inquiry: Inquiry,
        outcome: OpinionOutcome,
        *,
        finding: Finding | None = None,
        seconds: float | None = None,
        detail: str = "",
    ) -> SecondOpinion:
        options = self._options
        return SecondOpinion(
            outcome,
            options.mode,
            options.endpoint.model,
            options.questions.name,
            inquiry.labels,
            answers=finding.answers if finding else (),
            seconds=None if seconds is None else round(seconds, 3),
            detail=detail,
        )

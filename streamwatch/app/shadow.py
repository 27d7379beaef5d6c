"""The shadow: candidate weights that score some of the live frames, never in their way, and alert nobody."""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView
from streamwatch.app.shadow_bench import Bench, Policy, is_followed
from streamwatch.app.shadow_candidate import Candidate, find_candidate
from streamwatch.app.shadow_log import ShadowLog
from streamwatch.delivery.alert_desk import new_ulid
from streamwatch.errors import InferenceError, WeightsError
from streamwatch.inference.model import ScoringModel
from streamwatch.inference.shadow import ShadowScorer
from streamwatch.records.frame import Frame
from streamwatch.records.labels import Coverage
from streamwatch.records.scores import Scores, Unscored
from streamwatch.settings.schema import Settings, ShadowTable
from streamwatch.streams.definition import StreamDefinition
from streamwatch.telemetry.weights_instruments import WeightsInstruments

_UNANSWERED: Final = 512
"""Frames with the live weights whose answer is awaited; beyond, the oldest is given up."""
_QUEUE: Final = 32
"""Frames waiting for the candidate; beyond, the oldest is given up."""
_LOOK_AGAIN: Final = 0.25
"""Seconds after which a busy device is looked at again, should no frame come to tell that it is done."""
_TIDY_EVERY: Final = 60.0


@dataclass(eq=False)
class _Run:
    """One candidate at work."""

    scorer: ShadowScorer
    candidate: Candidate
    benches: dict[str, Bench] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return Policy(self.candidate.view.identity, self.candidate.thresholds, _supported(self.candidate.view))


class Shadow:
    """Told of every live frame and its answer; ``run`` does the rest. Nothing here ever makes the live side wait."""

    def __init__(
        self,
        live: WeightsView,
        *,
        load: Callable[[Path], ScoringModel],
        busy: Callable[[], bool],
        definition: Callable[[str], StreamDefinition | None],
        rows: ShadowLog,
        instruments: WeightsInstruments,
        log: FilteringBoundLogger,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``busy`` says whether live frames are being scored or wait; ``definition`` is that of a watched stream."""
        self._live = live
        self._load = load
        self._busy = busy
        self._definition = definition
        self._rows = rows
        self._instruments = instruments
        self._log = log
        self._wall = wall
        self._table = ShadowTable()
        self._file = ""
        self._changed = asyncio.Event()
        self._news = asyncio.Event()
        self._running: _Run | None = None
        self._fault: str | None = None
        self._unanswered: OrderedDict[str, Frame] = OrderedDict()
        self._queue: deque[tuple[Frame, Scores]] = deque()

    # -- told on the way of every frame, so each returns at once --------------------------------------------------

    def saw(self, frame: Frame) -> None:
        """A live frame goes to the models."""
        if self._running is None or not is_followed(frame.stream, frame.captured_at, self._table.share):
            return
        self._unanswered[frame.id] = frame
        if len(self._unanswered) > _UNANSWERED:
            self._unanswered.popitem(last=False)
            self._drop("not_scored")

    def answered(self, result: Scores | Unscored) -> None:
        """The live weights answered, or nobody looked."""
        self._news.set()
        frame = self._unanswered.pop(result.frame, None) if result.frame is not None else None
        if frame is None:
            return
        if isinstance(result, Unscored):
            self._drop("not_scored")
            return
        self._queue.append((frame, result))
        if len(self._queue) > _QUEUE:
            self._queue.popleft()
            self._drop("queue_full")

    def follow(self, settings: Settings, file: str) -> None:
        """Obey a configuration; also to be called when other weights alert from now on."""
        self._table, self._file = settings.inference.shadow, file
        self._rows.keep, self._rows.keep_frames = self._table.keep, self._table.keep_frames
        self._changed.set()

    def remarks(self) -> list[str]:
        """What /health/ready should mention."""
        return [] if self._fault is None else [f"the shadow does not score: {self._fault}"]

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the configuration until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rows.run(), name="shadow-rows")
            while True:
                await self._changed.wait()
                self._changed.clear()
                self._fault = None
                if self._table.weights is None:
                    continue
                work = group.create_task(self._one_candidate(self._table), name="shadow-candidate")
                try:
                    await self._until_changed()
                finally:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)

    async def _until_changed(self) -> None:
        """Until the configuration asks for something that the candidate at work is not."""
        table = self._table
        while True:
            await self._changed.wait()
            if self._running is None or self._table != table or self._is_stale(self._running):
                return
            self._changed.clear()

    def _is_stale(self, run: _Run) -> bool:
        try:
            return find_candidate(self._table, self._live, self._file) != run.candidate
        except (WeightsError, InferenceError):
            return True

    async def _one_candidate(self, table: ShadowTable) -> None:
        """Load and score until cancelled; whatever fails ends here, with a word in the log and in /health/ready."""
        scorer: ShadowScorer | None = None
        try:
            candidate = find_candidate(table, self._live, self._file)
            scorer = ShadowScorer(partial(self._load, candidate.folder))
            model = await scorer.start()
            if model.weights.sha256 != candidate.view.sha256:
                raise WeightsError("its files changed while they were read. Reload again")
            self._begin(_Run(scorer, candidate))
            await self._serve()
        except (WeightsError, InferenceError) as error:
            self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 - the shadow's edge: its faults must not end the daemon; it reports
            self._log.exception("shadow.internal_error")
            self._give_up(f"internal error: {type(error).__name__}")
        finally:
            if scorer is not None:
                scorer.stop()
            self._end()

    def _begin(self, run: _Run) -> None:
        self._running, view = run, run.candidate.view
        self._instruments.shadow_info.labels(view.name, view.sha256).set(1)
        self._log.info(
            "shadow.started",
            weights=view.identity,
            share=self._table.share,
            thresholds={one.label: one.enter for one in run.candidate.thresholds},
        )
        if view.short_side > self._live.short_side:
            self._log.warning(
                "shadow.frames_too_small",
                wanted=view.short_side,
                come=self._live.short_side,
                hint="it is judged on pictures smaller than it would get; its figures are worse than they could be",
            )

    def _give_up(self, reason: str) -> None:
        self._fault = reason
        self._log.warning("shadow.dropped", weights=self._table.weights, reason=reason)

    def _end(self) -> None:
        run, self._running = self._running, None
        self._instruments.shadow_info.clear()
        for _ in (*self._queue, *self._unanswered):
            self._drop("stopped")
        self._queue.clear()
        self._unanswered.clear()
        if run is not None:
            for bench in run.benches.values():
                self._rows.put((), bench.rise())

    # -- scoring --------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        run = self._running
        assert run is not None
        tidied = time.monotonic()
        while True:
            if time.monotonic() - tidied >= _TIDY_EVERY:
                tidied = time.monotonic()
                self._tidy(run)
            if not self._queue or self._busy():
                await self._something_new()
                continue
            frame, scores = self._queue.popleft()
            answer = await run.scorer.score(frame.pixels)
            self._instruments.shadow_seconds.observe(answer.seconds)
            if answer.values is None:
                self._drop("model_error")
                self._log.warning("shadow.model_error", frame=frame.id, detail=answer.detail)
                continue
            self._instruments.shadow_frames_scored.inc()
            bench = self._bench(run, scores)
            if bench is not None:
                row, incidents = bench.hear(scores, answer.values)
                self._rows.put((row,), incidents)

    async def _something_new(self) -> None:
        """Until the live side has answered something: then it may be idle. A frame that waits is looked at anyway."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN if self._queue else _TIDY_EVERY):
                await self._news.wait()

    def _bench(self, run: _Run, scores: Scores) -> Bench | None:
        """The stream's judges; new ones when what alerts there has changed. None: the answer is of other weights."""
        definition = self._definition(scores.stream)
        if definition is None or str(scores.weights) != self._live.identity:
            return None
        live = Policy(self._live.identity, definition.thresholds, _supported(self._live))
        bench = run.benches.get(scores.stream)
        if bench is None or bench.live != live:
            if bench is not None:
                self._rows.put((), bench.rise())
            interval = definition.plan.interval
            bench = run.benches[scores.stream] = Bench(scores.stream, live, run.policy, interval, new_id=new_ulid)
        return bench

    def _tidy(self, run: _Run) -> None:
        """End what the lot of this hour left out."""
        now = self._wall()
        for stream in list(run.benches):
            if self._definition(stream) is None or not is_followed(stream, now, self._table.share):
                self._rows.put((), run.benches.pop(stream).rise())

    def _drop(self, reason: str) -> None:
        self._instruments.shadow_frames_dropped.labels(reason).inc()


def _supported(view: WeightsView) -> frozenset[str]:
    unseen: Coverage = "unsupported"
    return frozenset(label for label, status in view.coverage.items() if status != unseen)

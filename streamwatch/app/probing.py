"""``probe URL``: what is there, what would be taken and why, what it would cost, and the first scores."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from streamwatch.app.assembly import view_weights
from streamwatch.app.silence import silent_log
from streamwatch.capture.hls.survey import Survey, survey
from streamwatch.capture.pool import CapturePool, PoolOptions
from streamwatch.errors import SourceError
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.inference.model import load_model
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from streamwatch.records.capture import CaptureEvent, CapturePlan, Finished, MediaStatus, Missed, Opened, WorkerHealth
from streamwatch.records.frame import Frame
from streamwatch.records.labels import LABELS
from streamwatch.telemetry.redaction import redact_url

_STREAM = "probe"


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What the command line asked for."""

    url: str
    seconds: float
    interval: float
    weights: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Observation:
    """What a real capture worker made of the stream."""

    opened: Opened | None = None
    finished: Finished | None = None
    stalled: str = ""
    frames: list[Frame] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    """(CLOCK_MONOTONIC seconds, CPU-seconds of the worker)."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def took_event(self, event: CaptureEvent) -> None:
        match event:
            case Opened():
                self.opened = event
            case Missed(reason=reason, count=count):
                self.missed[reason] = self.missed.get(reason, 0) + count
            case MediaStatus(status="stalled", detail=detail):
                self.stalled = detail
            case Finished():
                self.finished = event
                self.over.set()

    def took_health(self, health: WorkerHealth) -> None:
        self.cpu.append((health.sent, health.cpu_seconds))

    def cost(self) -> float | None:
        """CPU-seconds per second since the first frame; None when too little was seen to tell."""
        if not self.frames:
            return None
        since = [(at, cpu) for at, cpu in self.cpu if at >= self.frames[0].received]
        if len(since) < 2 or since[-1][0] - since[0][0] < 2.0:
            return None
        return (since[-1][1] - since[0][1]) / (since[-1][0] - since[0][0])


async def probe(options: ProbeOptions) -> dict[str, Any]:
    """The report as a JSON-able document; ``ok`` says whether frames came."""
    folder = find_weights(options.weights)
    weights = view_weights(read_manifest(folder))
    plan = CapturePlan(
        _STREAM,
        1,
        options.url,
        options.interval,
        short_side=weights.short_side,
        rendition_height=weights.rendition_height,
        headers=options.headers,
    )
    report: dict[str, Any] = {"url": redact_url(options.url), "playlist": await _playlist(plan)}
    seen = await observe(plan, options.seconds)
    report |= {
        "ok": bool(seen.frames),
        "source": None if seen.opened is None else asdict(seen.opened.description),
        "frames": len(seen.frames),
        "missed": seen.missed,
        "stalled": seen.stalled,
        "problem": problem_of(seen),
        "cpu_seconds_per_second": _rounded(seen.cost()),
    }
    if seen.frames:
        report["first_frame"] = _first_frame(seen.frames[0], await _scores(seen.frames[0], partial(load_model, folder)))
    report["not_detected"] = weights.not_detected
    return report


async def _playlist(plan: CapturePlan) -> dict[str, Any] | None:
    """What the playlists say; None for a stream that has none, and the fault in words for one that has bad ones."""
    if urlsplit(plan.url).scheme not in ("http", "https") or ".m3u8" not in urlsplit(plan.url).path.lower():
        return None
    async with Connections() as connections:
        try:
            found = await survey(GuardedSession(Access.of(plan), connections), plan)
        except SourceError as error:
            return {"problem": f"{error.code}: {error}"}
    return _playlist_document(found)


def _playlist_document(found: Survey) -> dict[str, Any]:
    variants = [
        {
            "size": f"{v.width}x{v.height}" if v.height else "",
            "bandwidth": v.bandwidth,
            "codecs": v.codecs,
            "keyframes_only": v.iframes,
        }
        for v in found.variants
    ]
    return {"variants": variants, "chosen": found.chosen, **asdict(found.playlist)}


async def observe(plan: CapturePlan, seconds: float, *, on_frame: Callable[[Frame], None] | None = None) -> Observation:
    """Read the stream for some seconds as the daemon would, in a worker of its own.

    With ``on_frame``, that takes the frames, and only the first is kept.
    """
    seen = Observation()

    def took_frame(frame: Frame) -> None:
        if on_frame is None or not seen.frames:
            seen.frames.append(frame)
        if on_frame is not None:
            on_frame(frame)

    pool = CapturePool(
        PoolOptions(workers=1),
        on_frame=took_frame,
        on_event=seen.took_event,
        on_health=seen.took_health,
        on_restart=lambda _: None,
        log=silent_log(),
        rng=random.Random(),  # noqa: S311 - jitter
    )
    running = asyncio.create_task(pool.run(), name="capture-pool")
    try:
        async with asyncio.timeout(30.0):
            await pool.ready()
        pool.start(plan)
        with suppress(TimeoutError):
            await asyncio.wait_for(seen.over.wait(), seconds)
    finally:
        finished = seen.finished
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        seen.finished = finished
    return seen


def problem_of(seen: Observation) -> str:
    """What kept it from being seen, in words; empty when frames came."""
    if seen.finished is not None and seen.finished.code != "ended":
        return f"{seen.finished.code}: {seen.finished.message}"
    if not seen.frames:
        return "no picture came in this time; try --seconds with more"
    return ""


async def _scores(frame: Frame, load: Callable[[], Any]) -> dict[str, float]:
    def score() -> dict[str, float]:
        model = load()
        row = model.forward(model.prepare([frame.pixels]))[0]
        return {label: round(float(value), 4) for label, value in zip(LABELS, row, strict=True)}

    return await asyncio.to_thread(score)


def _first_frame(frame: Frame, scores: dict[str, float]) -> dict[str, Any]:
    return {
        "size": f"{frame.source_width}x{frame.source_height}",
        "age_seconds": _rounded(time.monotonic() - frame.received),
        "captured_from": frame.captured_from,
        "scores": scores,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

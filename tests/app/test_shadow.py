"""The shadow gives way to the live side, follows streams for whole hours, and keeps its faults to itself."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from prometheus_client import CollectorRegistry

from streamwatch.app.assembly import WeightsView, view_weights
from streamwatch.app.shadow import Shadow
from streamwatch.app.shadow_bench import PERIOD, Bench, Policy, is_followed
from streamwatch.app.shadow_candidate import shadow_faults
from streamwatch.app.shadow_log import ShadowLog
from streamwatch.errors import WeightsError
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.capture import CapturePlan
from streamwatch.records.frame import Frame
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, Unscored, WeightsName
from streamwatch.records.shadow import ShadowFrame, ShadowIncident
from streamwatch.records.threshold import Threshold
from streamwatch.settings.schema import Settings
from streamwatch.store import shadow as table
from streamwatch.store.history import History
from streamwatch.streams.definition import StreamDefinition
from streamwatch.telemetry.weights_instruments import WeightsInstruments
from tests.decision.drive import numbered, scores, threshold
from tests.end_to_end.candidates import candidate
from tests.inference.tiny_model import TinyModel, frame
from tests.store.samples import Log

PATIENCE = 10.0


@dataclass
class Rows:
    """What would be written."""

    frames: list[ShadowFrame] = field(default_factory=list)
    incidents: list[ShadowIncident] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    keep: float = 0.0
    keep_frames: int = 0

    def put(self, frames: Any, incidents: Any) -> None:
        self.frames.extend(frames)
        self.incidents.extend(incidents)
        self.news.set()

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Room:
    """A shadow with everything around it."""

    shadow: Shadow
    rows: Rows
    registry: CollectorRegistry
    live: WeightsView
    log: Log
    busy: bool = False

    def scores(self, one: Frame, value: float = 0.9) -> Scores:
        named = WeightsName(self.live.name, self.live.sha256)
        found = scores(one.media_time, value, weights=named)
        return replace(found, frame=one.id, stream=one.stream, captured_at=one.captured_at, sequence=one.sequence)

    def pass_by(self, one: Frame) -> None:
        """A live frame and its answer."""
        self.shadow.saw(one)
        self.shadow.answered(self.scores(one))

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"streamwatch_shadow_{name}", labels) or 0.0

    def dropped(self, reason: str) -> float:
        return self.value("frames_dropped_total", reason=reason)

    async def until(self, check: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not check():  # noqa: ASYNC110 - a thread or a task, whichever is next
                await asyncio.sleep(0.01)


@asynccontextmanager
async def room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, model: TinyModel, *, share: float = 1.0, started: bool = True
) -> AsyncIterator[Room]:
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(folder / "models"))
    other = candidate(folder / "models", "mine", enter=0.5)
    model.weights = WeightsName(other.name, other.sha256)
    live = view_weights(read_manifest(find_weights("starter")))
    registry, rows, log = CollectorRegistry(), Rows(), Log()
    plan = CapturePlan("cam", 0, "", 2.0)
    definition = StreamDefinition("cam", "cam", {}, "", plan, (threshold(),), weights=live.identity)
    made: list[Room] = []
    shadow = Shadow(
        live,
        load=lambda _: model,
        busy=lambda: made[0].busy,
        definition=lambda stream: replace(definition, id=stream),
        rows=cast("Any", rows),
        instruments=WeightsInstruments(registry),
        log=log.logger,
    )
    made.append(Room(shadow, rows, registry, live, log))
    running = asyncio.create_task(shadow.run())
    table = {"weights": "mine", "share": share, "thresholds": {"self-harm.prob": False}}  # gore alone, as on the stream
    shadow.follow(Settings.model_validate({"inference": {"shadow": table}}), "streamwatch.toml")
    try:
        if started:
            await made[0].until(lambda: log.events("shadow.started"))
        yield made[0]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_both_answers_of_a_frame_become_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        there.pass_by(frame("cam", 1, brightness=51))
        await there.until(lambda: there.rows.frames)
        (row,) = there.rows.frames
        assert (row.frame, row.live.weights) == ("cam-0-1", there.live.identity)
        assert row.live.values["gore.prob"] == 0.9
        assert row.candidate.values["gore.prob"] == pytest.approx(0.2)
        assert "gore.classes.corpse" not in row.candidate.values, "neither can see it"
        assert row.live.over == {"gore.prob"}
        assert not row.candidate.over
        assert there.value("frames_scored_total") == 1


async def test_while_live_frames_are_scored_nothing_is_and_what_is_too_much_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TinyModel()
    async with room(tmp_path, monkeypatch, model) as there:
        there.busy = True
        warm = len(model.sizes)
        for number in range(40):
            there.pass_by(frame("cam", number))
        await asyncio.sleep(0.6)  # two looks at the device
        assert len(model.sizes) == warm
        assert there.dropped("queue_full") == 8
        there.busy = False
        there.shadow.answered(Unscored("cam", 0, "fetch_error"))
        await there.until(lambda: len(there.rows.frames) == 32)
        assert [row.frame for row in there.rows.frames] == [f"cam-0-{number}" for number in range(8, 40)]


async def test_a_frame_that_the_live_weights_did_not_score_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        there.shadow.saw(frame("cam", 1))
        there.shadow.answered(Unscored("cam", 0, "queue_full", frame="cam-0-1"))
        assert there.dropped("not_scored") == 1
        there.pass_by(frame("cam", 2))
        await there.until(lambda: there.rows.frames)
        assert [row.frame for row in there.rows.frames] == ["cam-0-2"]


async def test_answers_of_weights_that_alert_no_more_become_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        one = frame("cam", 1)
        there.shadow.saw(one)
        there.shadow.answered(replace(there.scores(one), weights=WeightsName("starter", "of yesterday")))
        there.pass_by(frame("cam", 2))
        await there.until(lambda: there.rows.frames)
        assert [row.frame for row in there.rows.frames] == ["cam-0-2"]


async def test_when_others_alert_the_judges_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        for number in range(2):
            there.pass_by(frame("cam", number, brightness=230))
        await there.until(lambda: len(there.rows.incidents) == 2)
        there.live.sha256 = "f" * 64
        there.pass_by(frame("cam", 2, brightness=230))
        await there.until(lambda: len(there.rows.frames) == 3)
        assert all(one.closed_at is not None for one in there.rows.incidents[2:4])
        assert there.rows.frames[-1].live.weights == "starter@" + "f" * 64


async def test_a_picture_that_it_fails_on_is_counted_and_the_next_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TinyModel()
    model.poisoned_picture = 99
    async with room(tmp_path, monkeypatch, model) as there:
        there.pass_by(frame("cam", 1, brightness=99))
        there.pass_by(frame("cam", 2))
        await there.until(lambda: there.rows.frames)
        assert there.dropped("model_error") == 1
        assert there.shadow.remarks() == []


async def test_short_memory_drops_the_shadow_with_a_remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def behaviour(_: torch.Tensor) -> npt.NDArray[np.float32] | None:
        if short.is_set():
            raise MemoryError
        return None

    short = threading.Event()
    async with room(tmp_path, monkeypatch, TinyModel(behaviour)) as there:
        short.set()
        there.pass_by(frame("cam", 1))
        await there.until(there.shadow.remarks)
        assert there.shadow.remarks() == ["the shadow does not score: out of memory"]
        assert there.value("info", weights="mine", sha256="") == 0.0
        there.pass_by(frame("cam", 2))
        assert not there.rows.frames


async def test_weights_that_do_not_load_are_a_remark_until_the_next_reload_finds_them_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TinyModel()
    faults = [WeightsError("heads.npz: damaged")]

    def behaviour(_: torch.Tensor) -> None:
        if faults:
            raise faults.pop()

    model.behaviour = behaviour
    async with room(tmp_path, monkeypatch, model, started=False) as there:
        await there.until(there.shadow.remarks)
        assert "damaged" in there.shadow.remarks()[0]
        there.shadow.follow(Settings.model_validate({"inference": {"shadow": {"weights": "mine", "share": 1.0}}}), "")
        await there.until(lambda: there.log.events("shadow.started"))
        assert there.shadow.remarks() == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"weights": "starter"}, "nothing to compare"),
        ({"weights": "nowhere"}, "nowhere"),
        ({"weights": "mine", "thresholds": {"weights": "other"}}, "these thresholds are chosen for 'other'"),
        ({"weights": "mine", "thresholds": {"gore.type.real": 0.5}}, "do not detect gore.type.real"),
    ],
)
async def test_a_candidate_that_does_not_fit_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: dict[str, Any], words: str
) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        settings = Settings.model_validate({"inference": {"shadow": table}})
        there.shadow.follow(settings, "streamwatch.toml")
        await there.until(there.shadow.remarks)
        assert words in there.shadow.remarks()[0]
        said = " ".join(fault.problem for fault in shadow_faults(settings.inference.shadow, "streamwatch.toml"))
        assert words in said or table["weights"] == "starter", "config check says it too"


async def test_off_again_it_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with room(tmp_path, monkeypatch, TinyModel()) as there:
        for number in range(3):
            there.pass_by(frame("cam", number, brightness=230))
        await there.until(lambda: len(there.rows.frames) == 3)
        assert [one.side for one in there.rows.incidents] == ["live", "candidate"]
        there.shadow.follow(Settings(), "")
        await there.until(lambda: len(there.rows.incidents) == 4)
        assert all(one.closed_at is not None for one in there.rows.incidents[2:])
        await there.until(lambda: "inference-shadow" not in [thread.name for thread in threading.enumerate()])
        there.pass_by(frame("cam", 9))
        assert there.shadow.remarks() == []


def test_a_stream_is_followed_for_whole_hours() -> None:
    begin = 480_000 * PERIOD
    for stream in (f"cam{number}" for number in range(50)):
        assert len({is_followed(stream, begin + second, 0.3) for second in range(0, 3600, 60)}) == 1


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_lots_fall_on_the_share_and_on_others_every_hour(share: float) -> None:
    hours = [480_000 * PERIOD + PERIOD * number for number in range(100)]
    drawn = [[is_followed(f"cam{number}", hour, share) for number in range(100)] for hour in hours]
    assert sum(map(sum, drawn)) / 10_000 == pytest.approx(share, abs=0.01)
    if share < 1:
        assert drawn[0] != drawn[1]
        assert all(any(hour[number] for hour in drawn) for number in range(100)), "every stream has its hours"


def bench(candidates: Threshold) -> Bench:
    seen = frozenset(LABELS)
    live = Policy("tiny@abc", (threshold(),), seen)
    return Bench("cam", live, Policy("mine@def", (candidates,), seen), 2.0, new_id=numbered())


def test_each_side_has_incidents_by_its_own_thresholds() -> None:
    judges = bench(threshold(enter=0.3, exit=0.2))
    changes = []
    for at, (live, other) in enumerate([(0.1, 0.4), (0.1, 0.4), (0.9, 0.4), (0.9, 0.4)]):
        _, changed = judges.hear(scores(2.0 * at, live), dict.fromkeys(LABELS, 0.0) | {"gore.prob": other})
        changes += changed
    assert [(one.side, one.threshold, one.frame, one.id) for one in changes] == [
        ("candidate", 0.3, "cam-0-2", "id1"),
        ("live", 0.8, "cam-0-6", "id2"),
    ]
    assert {(one.id, one.closed_at is None) for one in judges.rise()} == {("id1", False), ("id2", False)}


async def test_a_start_ends_what_a_killed_daemon_left_open(tmp_path: Path) -> None:
    """Else it would overlap with everything that the candidate ever says of this stream."""
    left = ShadowIncident("id", "live", "a@1", "b@2", "cam", "gore-2.0", "gore.prob", 10.0, None, 0.9, 0.4, "cam-1-1")
    history = await History.open(tmp_path, log=Log().logger)
    try:
        await history.run(lambda connection: table.add(connection, [], [left]))
        running = asyncio.create_task(ShadowLog(history, log=Log().logger).run())
        async with asyncio.timeout(PATIENCE):
            while table.ShadowReader(tmp_path).incidents(0.0)[0].closed_at is None:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    finally:
        await history.close()

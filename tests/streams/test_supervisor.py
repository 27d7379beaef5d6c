"""Stream states follow evidence, sessions are requested again, and blind time is never lost sight of."""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import structlog

from streamwatch.decision.judge import Judge
from streamwatch.demo.drawings import harmless_scene
from streamwatch.records.alert import Verdict
from streamwatch.records.capture import CapturePlan, Finished, MediaStatus, Missed
from streamwatch.records.frame import Frame
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, Unscored, WeightsName
from streamwatch.records.stream_state import StreamState
from streamwatch.records.threshold import Threshold
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.supervisor import Supervisor
from streamwatch.streams.watched import WatchedStream

THRESHOLD = Threshold("gore.prob", 0.8, 0.64, 2, 3, 60.0)


@dataclass
class Bench:
    """A supervisor between recording neighbours, with a clock that the test moves."""

    now: float = 1000.0
    started: list[CapturePlan] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    submitted: list[Frame] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    told: list[Verdict] = field(default_factory=list)
    unscored: list[Unscored] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    states: list[tuple[str, str]] = field(default_factory=list)
    kept: int = 0
    expected: float = 0.0
    break_after: float = 1e18
    break_on: str = ""

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            capture=self,
            submit=self.submitted.append,
            forget=self.forgotten.append,
            watcher=self,
            log=structlog.get_logger(),
            clock=lambda: self.now,
            wall=lambda: self.now + 1e9,
            rng=random.Random(1),
            burst=2,
            sessions_per_second=1.0,
        )

    # what capture does
    def start(self, plan: CapturePlan) -> None:
        self.started.append(plan)

    def stop(self, stream: str) -> None:
        self.stopped.append(stream)

    # what the watcher hears
    def state_changed(self, stream: WatchedStream, old: StreamState) -> None:
        self.states.append((stream.id, stream.state.name))

    def session_finished(self, stream: WatchedStream, finished: Finished) -> None:
        pass

    def frame_decoded(self, stream: WatchedStream) -> None:
        if stream.id == self.break_on:
            raise RuntimeError("a fault of ours")

    def frame_scored(self, stream: WatchedStream, scores: Scores, covered: float) -> None:
        pass

    def frame_unscored(self, stream: WatchedStream, unscored: Unscored) -> None:
        self.unscored.append(unscored)

    def time_expected(self, stream: WatchedStream, seconds: float) -> None:
        if stream.id == self.break_on and self.now > self.break_after:
            raise RuntimeError("a fault of ours")
        self.expected += seconds

    def verdicts(self, stream: WatchedStream, verdicts: list[Verdict], judge_state: Mapping[str, Any]) -> None:
        self.told += verdicts
        self.kept += 1

    def removed(self, stream: WatchedStream) -> None:
        self.gone.append(stream.id)

    # what the test does
    def watch(self, stream: str = "cam", *, interval: float = 2.0) -> WatchedStream:
        ids = itertools.count()
        plan = CapturePlan(stream, 0, "http://127.0.0.1/a.m3u8", interval, stall_after=10.0)
        definition = StreamDefinition(stream, stream, {}, "http://127.0.0.1/a.m3u8", plan, (THRESHOLD,))
        judge = Judge(stream, (THRESHOLD,), interval, new_id=lambda: f"{stream}{next(ids)}")
        watched = WatchedStream(definition, judge, now=self.now, wall=self.now + 1e9)
        self.supervisor.add(watched)
        return watched

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            self.supervisor.tick()

    def frame(self, watched: WatchedStream, picture: float | None = None) -> None:
        pixels = np.asarray(harmless_scene(self.now if picture is None else picture, 160, 90))
        self.supervisor.on_frame(
            Frame("f", watched.id, watched.session, 0, pixels, self.now, self.now, self.now, "receipt", 2.0, 160, 90)
        )

    def score(self, watched: WatchedStream, value: float) -> None:
        values = dict.fromkeys(LABELS, 0.0) | {"gore.prob": value}
        self.supervisor.on_result(
            Scores(
                "f",
                watched.id,
                watched.session,
                0,
                self.now,
                self.now,
                self.now + 1e9,
                "receipt",
                2.0,
                values,
                WeightsName("starter", "0" * 64),
                0.0,
                0.01,
                1,
            )
        )

    def finish(self, watched: WatchedStream, code: str, *, retryable: bool = True) -> None:
        self.supervisor.on_event(Finished(watched.id, watched.session, code, f"{code} happened", retryable))


def test_a_stream_is_requested_and_live_with_its_first_frame() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    assert [plan.session for plan in bench.started] == [1]
    bench.frame(watched)
    assert list(watched.states_seen) == ["starting", "live"]
    assert len(bench.submitted) == 1


def test_a_failed_session_is_requested_again_for_ever_and_the_state_says_why() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for attempt in range(20):
        assert len(bench.started) == attempt + 1
        bench.finish(watched, "timeout")
        assert (watched.state.name, watched.state.code) == ("reconnecting", "timeout")
        bench.pass_time(31.0)
    assert watched.meter.ratio == 0.0
    assert watched.meter.expected > 19 * 31.0


def test_frames_and_endings_of_an_old_session_are_ignored() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    old = Finished(watched.id, watched.session, "timeout", "")
    bench.finish(watched, "timeout")
    bench.pass_time(3.0)
    assert watched.session == 2
    bench.supervisor.on_event(old)
    assert watched.running


def test_stall_is_set_by_the_source_and_healed_by_media() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.supervisor.on_event(MediaStatus("cam", 1, "stalled", "no new segment for 10 s"))
    assert (watched.state.name, watched.state.reason) == ("stalled", "no new segment for 10 s")
    bench.supervisor.on_event(MediaStatus("cam", 1, "flowing"))
    assert watched.state.name == "live"
    assert list(watched.states_seen) == ["starting", "live", "stalled", "live"]


def test_silence_without_a_word_from_the_source_is_noticed_and_the_session_replaced() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.pass_time(11.0)
    assert (watched.state.name, watched.state.code) == ("stalled", "no_picture")
    bench.pass_time(125.0)
    assert bench.stopped == ["cam"]
    assert len(bench.started) == 2


def test_ended_stream_expects_nothing_and_is_asked_about_later() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.score(watched, 0.0)
    bench.finish(watched, "ended")
    expected = watched.meter.expected
    bench.pass_time(61.0)
    assert watched.state.name == "ended"
    assert watched.meter.expected == expected
    assert bench.started[-1].resumed


def test_suspended_stream_is_left_alone_until_its_time() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.supervisor.suspend("cam", bench.now + 1e9 + 30.0)
    expected = watched.meter.expected
    bench.pass_time(29.0)
    assert (watched.state.name, len(bench.started), watched.meter.expected) == ("suspended", 1, expected)
    bench.pass_time(2.0)
    assert (watched.state.name, len(bench.started)) == ("starting", 2)


def test_what_cannot_heal_is_failed_and_not_requested_again() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.finish(watched, "bad_url", retryable=False)
    bench.pass_time(600.0)
    assert (watched.state.name, len(bench.started)) == ("failed", 1)


def test_sessions_are_requested_no_faster_than_the_permits() -> None:
    bench = Bench()
    for n in range(6):
        bench.watch(f"cam{n}")
    bench.supervisor.tick()
    assert len(bench.started) == 2
    bench.pass_time(4.5)
    assert len(bench.started) == 6


def test_an_incident_opens_and_lost_sight_is_said_but_does_not_close_it() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(3):
        bench.frame(watched)
        bench.score(watched, 0.95)
        bench.now += 2.0
    assert [v.event for v in bench.told] == ["opened"]
    bench.finish(watched, "timeout")
    bench.pass_time(60.0)
    assert [(v.event, v.reason) for v in bench.told[1:]] == [("updated", "sight_lost")]
    bench.frame(watched)
    bench.supervisor.tick()
    assert [(v.event, v.reason) for v in bench.told[2:]] == [("updated", "sight_regained")]


def test_sight_lost_for_half_an_hour_closes_the_incident_as_lost_sight() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(3):
        bench.frame(watched)
        bench.score(watched, 0.95)
        bench.now += 2.0
    bench.finish(watched, "unauthorised")
    bench.pass_time(1850.0)
    assert (bench.told[-1].event, bench.told[-1].reason) == ("closed", "lost_sight")


def test_removed_stream_closes_its_incident_and_forgets_its_frames() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(3):
        bench.frame(watched)
        bench.score(watched, 0.95)
        bench.now += 2.0
    bench.supervisor.remove("cam")
    assert (bench.told[-1].event, bench.told[-1].reason) == ("closed", "removed")
    assert (bench.stopped, bench.forgotten, bench.gone) == (["cam"], ["cam"], ["cam"])


def test_missed_pictures_are_counted_by_reason() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.supervisor.on_event(Missed("cam", 1, "corrupt", 3, "truncated"))
    assert watched.frames_unscored == {"corrupt": 3}
    assert bench.unscored[0].detail == "truncated"


def test_a_fault_of_ours_in_one_stream_never_takes_down_its_neighbour() -> None:
    bench = Bench(break_on="bad")
    bad, good = bench.watch("bad"), bench.watch("good")
    bench.supervisor.tick()
    bench.frame(bad)
    bench.frame(good)
    assert (bad.state.code, good.state.name) == ("internal", "live")
    bench.pass_time(31.0)
    assert bad.session == 2


def test_black_and_frozen_are_states_and_count_as_seen() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(40):
        bench.frame(watched, picture=5.0)
        bench.pass_time(2.0)
    assert watched.state.name == "frozen"
    assert watched.sight


def test_a_new_policy_does_not_interrupt_reading_but_a_new_url_does() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    old = watched.definition
    policy = StreamDefinition("cam", "new title", {}, old.uri, old.plan, ())
    bench.supervisor.redefine(policy, Judge("cam", (), 2.0, new_id=lambda: "x"))
    assert (bench.stopped, watched.state.name) == ([], "live")
    moved = StreamDefinition("cam", "", {}, "", CapturePlan("cam", 0, "http://127.0.0.1/b.m3u8", 2.0), ())
    bench.supervisor.redefine(moved, Judge("cam", (), 2.0, new_id=lambda: "x"))
    bench.supervisor.tick()
    assert (bench.stopped, bench.started[-1].url) == (["cam"], "http://127.0.0.1/b.m3u8")


def test_judges_state_is_kept_while_an_incident_is_open_and_quiet() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()

    def watch_quietly(seconds: float) -> None:
        for _ in range(round(seconds / 5.0)):
            bench.frame(watched)
            bench.pass_time(5.0)

    watch_quietly(60.0)
    assert bench.kept == 0
    for _ in range(3):
        bench.frame(watched)
        bench.score(watched, 0.95)
        bench.now += 2.0
    assert bench.kept == 1
    watch_quietly(95.0)
    assert (bench.kept, len(bench.told)) == (5, 1)


def test_a_reload_does_not_close_the_incident_of_a_stream_that_has_been_blind_for_long() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(3):
        bench.frame(watched)
        bench.score(watched, 0.95)
        bench.now += 2.0
    bench.finish(watched, "timeout")
    bench.pass_time(900.0)
    judge = Judge(
        "cam", (THRESHOLD,), 2.0, new_id=lambda: "x", known=watched.judge.incidents, state=watched.judge.state()
    )
    bench.supervisor.redefine(watched.definition, judge)
    assert "closed" not in [v.event for v in bench.told]


def test_the_last_frames_of_an_ended_stream_are_scored_before_its_incident_closes() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(4):
        bench.frame(watched)
    for _ in range(3):
        bench.score(watched, 0.95)
        bench.now += 2.0
    bench.finish(watched, "ended")
    assert [v.event for v in bench.told] == ["opened"]
    bench.score(watched, 0.95)
    assert [(v.event, v.reason) for v in bench.told] == [("opened", None), ("closed", "ended")]


def test_late_scores_do_not_open_an_incident_of_a_suspended_stream() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(6):
        bench.frame(watched)
    for _ in range(3):
        bench.score(watched, 0.95)
        bench.now += 2.0
    bench.supervisor.suspend("cam", None)
    for _ in range(3):
        bench.score(watched, 0.95)
        bench.now += 2.0
    assert [v.event for v in bench.told] == ["opened", "closed"]
    assert watched.frames_scored == 6


def test_a_finished_broadcast_whose_playlist_is_taken_away_stays_ended() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.finish(watched, "ended")
    bench.pass_time(61.0)
    assert len(bench.started) == 2
    expected = watched.meter.expected
    bench.finish(watched, "not_found")
    bench.pass_time(120.0)
    assert watched.state.name == "ended"
    assert watched.meter.expected == expected
    assert len(bench.started) >= 3


def test_a_session_that_was_stopped_by_nobody_is_requested_again() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    bench.frame(watched)
    bench.finish(watched, "stopped", retryable=False)
    bench.pass_time(31.0)
    assert len(bench.started) == 2


def test_dead_streams_do_not_starve_the_one_that_waits_longest() -> None:
    bench = Bench()
    dead = [bench.watch(f"dead{n}") for n in range(120)]
    bench.watch("healthy")
    for _ in range(400):
        bench.pass_time(0.5)
        for watched in dead:
            if watched.running:
                bench.finish(watched, "timeout")
    assert "healthy" in {plan.stream for plan in bench.started}


def test_expected_seconds_told_are_all_of_those_metered_however_often_the_state_changes() -> None:
    bench = Bench()
    watched = bench.watch()
    bench.supervisor.tick()
    for _ in range(50):
        bench.now += 0.3
        bench.frame(watched)
        bench.now += 0.3
        bench.supervisor.on_event(MediaStatus("cam", 1, "stalled"))
    assert bench.expected == pytest.approx(watched.meter.expected)
    assert bench.expected > 25.0


def test_a_fault_of_ours_in_a_tick_takes_out_one_stream_only() -> None:
    bench = Bench(break_on="bad", break_after=1010.0)
    bad, good = bench.watch("bad"), bench.watch("good")
    bench.pass_time(12.0)
    bench.frame(good)
    assert (bad.running, good.state.name) == (False, "live")
    bench.break_on = ""
    bench.pass_time(61.0)
    assert bad.running

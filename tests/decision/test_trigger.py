"""One label's hysteresis, by table."""

import json
from dataclasses import dataclass, field

import pytest

from streamwatch.decision.trigger import Trigger
from streamwatch.records.threshold import Threshold
from tests.decision.drive import INTERVAL, scores, threshold


@dataclass
class Run:
    """Frames two seconds apart; ``trace`` has one letter a frame: + on, - off, = stays on, . stays off."""

    trigger: Trigger
    at: float = 0.0
    trace: list[str] = field(default_factory=list)

    def feed(self, value: float, *, session: int = 0, media_time: float | None = None, may_leave: bool = True) -> None:
        change = self.trigger.observe(
            scores(self.at, value, session=session, media_time=media_time), pace=INTERVAL, may_leave=may_leave
        )
        self.trace.append({"on": "+", "off": "-", None: "=" if self.trigger.on else "."}[change])
        self.at += INTERVAL


def trace(values: list[float], policy: Threshold | None = None) -> str:
    run = Run(Trigger(policy or threshold()))
    for value in values:
        run.feed(value)
    return "".join(run.trace)


H, M, L = 0.9, 0.7, 0.1  # over enter, between exit and enter, below exit


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([H], "."),
        ([H, H], ".+"),
        ([H, L, H], "..+"),
        ([H, L, L, H], "...."),  # the first one has left the last three
        ([H, M, H], "..+"),
        ([0.8, 0.8], ".+"),  # at the threshold counts
        ([0.79, 0.79, 0.79], "..."),
        ([H, H, L, L], ".+=="),
        ([H, H, L, L, L], ".+==-"),
        ([H, H, L, L, 0.6, L, L], ".+====="),  # at exit is not below it
        ([H, H, M, M, M, M, M], ".+====="),  # between the two nothing changes
        ([H, H, L, M, L, L, L], ".+====-"),
        ([H, H, L, L, L, H, H], ".+==-.+"),  # evidence of before the end is gone
    ],
)
def test_two_of_three(values: list[float], expected: str) -> None:
    assert trace(values) == expected


@pytest.mark.parametrize(
    ("confirm", "values", "expected"),
    [
        ((1, 1), [H, L, H, L], "+-+-"),
        ((1, 3), [H, L, L, L], "+==-"),
        ((3, 3), [H, H, L, H, H, H], ".....+"),
        ((3, 5), [H, L, H, L, H, L, L, L, L, L], "....+====-"),
    ],
)
def test_other_confirmations(confirm: tuple[int, int], values: list[float], expected: str) -> None:
    assert trace(values, threshold(confirm=confirm)) == expected


@pytest.mark.parametrize(("gap", "expected"), [(12.0, ".+"), (12.5, "..")])
def test_evidence_counts_for_twice_m_intervals_of_stream_time(gap: float, expected: str) -> None:
    run = Run(Trigger(threshold()))
    run.feed(H, media_time=0.0)
    run.feed(H, media_time=gap)
    assert "".join(run.trace) == expected


def test_within_a_session_a_stall_by_the_clock_costs_no_evidence() -> None:
    run = Run(Trigger(threshold()))
    run.feed(H, media_time=0.0)
    run.at = 300.0
    run.feed(H, media_time=2.0)
    assert run.trace == [".", "+"]


@pytest.mark.parametrize(("away", "expected"), [(10.0, ".+"), (14.0, ".."), (-14.0, "..")])
def test_between_sessions_the_time_of_capture_decides(away: float, expected: str) -> None:
    run = Run(Trigger(threshold()), at=100.0)
    run.feed(H, session=0, media_time=900.0)
    run.at = 100.0 + away
    run.feed(H, session=1, media_time=0.0)
    assert "".join(run.trace) == expected


def test_a_frame_after_a_long_absence_begins_the_way_off_anew() -> None:
    run = Run(Trigger(threshold()))
    for value in (H, H, L, L):
        run.feed(value)
    run.at = 500.0
    for time in (0.0, 2.0, 4.0):
        run.feed(L, session=1, media_time=time)
    assert "".join(run.trace) == ".+====-"


def test_the_way_off_needs_no_freshness() -> None:
    run = Run(Trigger(threshold()))
    for value, time in ((H, 0.0), (H, 2.0), (L, 100.0), (L, 200.0), (L, 300.0)):
        run.feed(value, media_time=time)
    assert "".join(run.trace) == ".+==-"


def test_held_on_while_nobody_can_see() -> None:
    run = Run(Trigger(threshold()))
    run.feed(H)
    run.feed(H)
    for _ in range(5):
        run.feed(L, may_leave=False)
    for _ in range(3):
        run.feed(L)
    assert "".join(run.trace) == ".+=======-"


def test_the_first_confirming_frame_is_the_first_that_was_over() -> None:
    run = Run(Trigger(threshold(confirm=(3, 5))))
    for value in (L, H, L, H, H):
        run.feed(value)
    assert run.trigger.on
    assert [seen.media_time for seen in run.trigger.confirming] == [2.0, 6.0, 8.0]


@pytest.mark.parametrize("cut", range(8))
def test_a_restart_in_between_changes_nothing(cut: int) -> None:
    values = [H, L, H, H, L, L, L, H, H]
    run = Run(Trigger(threshold()))
    for place, value in enumerate(values):
        if place == cut:
            run.trigger = Trigger(threshold(), json.loads(json.dumps(run.trigger.state())))
        run.feed(value, session=int(place >= cut))
    assert "".join(run.trace) == trace(values)


def test_a_state_of_a_longer_confirmation_does_not_end_the_incident_at_once() -> None:
    run = Run(Trigger(threshold(confirm=(2, 5))))
    for value in (H, H, L, L, L, L):
        run.feed(value)
    run.trigger = Trigger(threshold(confirm=(1, 2)), run.trigger.state())
    run.feed(H)
    assert run.trace[-1] == "="

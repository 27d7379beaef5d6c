"""Media time: starts at 0, never runs backwards, follows wraps, and a jump invents no time."""

import pytest

from streamwatch.capture.timeline import WRAP, Timeline


def placed(timeline: Timeline, stamps: list[float]) -> list[float]:
    return [round(timeline.place(stamp), 3) for stamp in stamps]


def test_starts_at_zero_wherever_the_clock_stands() -> None:
    assert placed(Timeline(), [7000.0, 7002.0, 7004.0]) == [0.0, 2.0, 4.0]


def test_wrap_is_followed() -> None:
    timeline = Timeline()
    assert placed(timeline, [WRAP - 3.0, WRAP - 1.0, 1.0, 3.0]) == [0.0, 2.0, 4.0, 6.0]
    assert timeline.jumps == 0


def test_two_wraps_are_followed() -> None:
    timeline = Timeline(tolerance=WRAP)
    stamps = [(10_000.0 * step) % WRAP for step in range(25)]
    assert placed(timeline, stamps) == pytest.approx([10_000.0 * step for step in range(25)])


def test_stamps_that_the_demuxer_made_negative_before_a_wrap() -> None:
    assert placed(Timeline(), [WRAP - 1.0, -0.5, 0.0, 0.5]) == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("jump", [5000.0, -5000.0, 30.0, -3.0])
def test_jump_costs_one_step(jump: float) -> None:
    timeline = Timeline()
    assert placed(timeline, [6000.0, 6002.0, 6004.0 + jump, 6006.0 + jump]) == [0.0, 2.0, 4.0, 6.0]
    assert timeline.jumps == 1


def test_jump_that_the_clock_saw_too_is_time_that_passed() -> None:
    timeline = Timeline()
    timeline.place(100.0, received=50.0)
    timeline.place(102.0, received=52.0)
    assert timeline.place(142.0, received=92.0) == 42.0
    assert timeline.jumps == 0


def test_reordered_pictures_do_not_run_backwards() -> None:
    assert placed(Timeline(), [1.0, 1.2, 1.1, 1.3]) == [0.0, 0.2, 0.2, 0.3]


def test_discontinuity_anchors_where_the_playlist_puts_it() -> None:
    timeline = Timeline(tolerance=5.0)
    timeline.place(900.0, expected=0.0)
    timeline.discontinuity()
    assert timeline.place(3.0, expected=2.0) == 2.0
    assert timeline.place(5.0, expected=4.1) == 4.0  # its own stamps count again from here on
    assert timeline.jumps == 0


def test_expected_time_settles_what_is_a_jump() -> None:
    timeline = Timeline(tolerance=5.0)
    timeline.place(0.0, expected=0.0)
    assert timeline.place(60.0, expected=60.0) == 60.0  # segments were skipped
    assert timeline.place(160.0, expected=62.0) == 62.0
    assert timeline.jumps == 1


def test_never_before_what_was_told() -> None:
    timeline = Timeline(tolerance=5.0)
    timeline.place(10.0, expected=10.0)
    timeline.place(14.0, expected=14.0)
    timeline.discontinuity()
    assert timeline.place(0.0, expected=12.0) == 14.0

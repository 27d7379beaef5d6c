"""Coverage is seconds looked at over seconds that should have been looked at."""

import pytest

from streamwatch.streams.coverage import CoverageMeter


def test_every_second_covered_when_each_interval_has_its_frame() -> None:
    meter = CoverageMeter(100.0)
    for n in range(30):
        meter.scored(1, n * 2.0, 100.0 + n * 2.0, 2.0)
    meter.advance(160.0)
    assert meter.expected == pytest.approx(60.0)
    assert meter.ratio == pytest.approx(1.0)


def test_half_covered_when_frames_come_at_twice_the_interval() -> None:
    meter = CoverageMeter(0.0)
    for n in range(30):
        meter.scored(1, n * 2.0, n * 2.0, 1.0)
    meter.advance(60.0)
    assert meter.ratio == pytest.approx(0.5)


def test_overlapping_frames_count_once() -> None:
    meter = CoverageMeter(0.0)
    added = [meter.scored(1, t, t, 2.0) for t in (0.0, 0.5, 1.0, 2.5)]
    assert added == pytest.approx([2.0, 0.5, 0.5, 1.5])


def test_replayed_stretch_after_reconnect_counts_once() -> None:
    meter = CoverageMeter(0.0)
    meter.scored(1, 10.0, 10.0, 2.0)
    assert meter.scored(2, 0.0, 10.5, 2.0) == pytest.approx(0.5)


def test_frames_delivered_in_a_burst_cover_their_own_stream_time() -> None:
    meter = CoverageMeter(0.0)
    for n in range(6):
        meter.scored(1, float(n), 20.0, 1.0)
    assert meter.covered == pytest.approx(6.0)


def test_suspended_time_is_not_expected() -> None:
    meter = CoverageMeter(0.0)
    meter.want(wanted=False, now=10.0)
    meter.advance(50.0)
    meter.want(wanted=True, now=60.0)
    meter.advance(65.0)
    assert meter.expected == pytest.approx(15.0)


def test_blind_time_counts_as_expected() -> None:
    meter = CoverageMeter(0.0)
    meter.scored(1, 0.0, 0.0, 2.0)
    meter.advance(600.0)
    assert meter.ratio == pytest.approx(2.0 / 600.0)

"""The fleet asks for sessions no faster than the permits allow."""

import pytest

from streamwatch.streams.permits import Permits


def test_burst_then_rate() -> None:
    permits = Permits(per_second=2.0, burst=3, now=0.0)
    assert [permits.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert permits.take(0.0) == pytest.approx(0.5)
    assert permits.take(0.5) == 0.0
    assert permits.take(0.5) > 0.0


def test_idle_time_never_saves_more_than_the_burst() -> None:
    permits = Permits(per_second=10.0, burst=2, now=0.0)
    granted = sum(permits.take(1000.0) == 0.0 for _ in range(10))
    assert granted == 2

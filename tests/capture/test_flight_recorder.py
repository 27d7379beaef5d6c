"""The flight recorder: what one process writes, another reads, even after the writer's death."""

import os
import subprocess
import sys

import pytest

from streamwatch.capture.flight_recorder import MAX_SLOTS, FlightRecorder, RunningDecode


def test_a_decode_is_seen_while_it_runs() -> None:
    recorder = FlightRecorder.create(3)
    assert recorder.running() == []
    recorder.begin(2, 7, 50.0)
    recorder.begin(0, 9, 60.5)
    assert recorder.running() == [RunningDecode(2, 50.0, 7), RunningDecode(0, 60.5, 9)]
    recorder.end(2)
    assert recorder.running() == [RunningDecode(0, 60.5, 9)]
    recorder.close()


def test_it_outlives_the_process_that_wrote() -> None:
    recorder = FlightRecorder.create(2)
    code = (
        "import os, sys; from streamwatch.capture.flight_recorder import FlightRecorder;"
        "r = FlightRecorder(int(sys.argv[1]), 2); r.begin(1, 42, 12.25); os.abort()"
    )
    died = subprocess.run([sys.executable, "-c", code, str(recorder.fd)], pass_fds=(recorder.fd,), check=False)
    assert died.returncode < 0
    assert recorder.running() == [RunningDecode(1, 12.25, 42)]
    recorder.close()


def test_nonsense_in_it_is_harmless() -> None:
    recorder = FlightRecorder.create(2)
    recorder.begin(0, -(2**63), float("nan"))
    recorder.begin(1, 2**63 - 1, -5.0)
    assert recorder.running() == []
    recorder.close()


@pytest.mark.parametrize("slots", [0, -1, MAX_SLOTS + 1])
def test_slots_are_bounded(slots: int) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    with pytest.raises(ValueError, match="slots"):
        FlightRecorder.create(slots)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count

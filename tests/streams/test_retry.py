"""What a finished session means for the stream's state and for the next attempt."""

import random

import pytest

from streamwatch.errors import SOURCE_CODES
from streamwatch.records.capture import Finished
from streamwatch.streams.retry import retry_after


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("timeout", "reconnecting"),
        ("server_error", "reconnecting"),
        ("not_found", "reconnecting"),
        ("worker_died", "reconnecting"),
        ("unauthorised", "auth_failed"),
        ("forbidden_address", "failed"),
        ("no_video", "failed"),
        ("ended", "ended"),
    ],
)
def test_state_by_code(code: str, state: str) -> None:
    assert retry_after(Finished("cam", 1, code, ""), 0, random.Random(1)).state == state


@pytest.mark.parametrize("code", [code for code, retryable in SOURCE_CODES.items() if retryable])
def test_every_retryable_code_is_tried_again_within_two_minutes_for_ever(code: str) -> None:
    rng = random.Random(7)
    for attempt in (0, 1, 5, 50, 100_000):
        delay = retry_after(Finished("cam", 1, code, ""), attempt, rng).delay
        assert delay is not None
        assert 0 < delay <= 120.0


def test_what_cannot_heal_is_not_tried_again() -> None:
    assert retry_after(Finished("cam", 1, "bad_url", "", retryable=False), 0, random.Random(1)).delay is None


def test_a_killed_workers_streams_come_back_within_a_second() -> None:
    rng = random.Random(3)
    delays = [retry_after(Finished("cam", 1, "worker_died", ""), 0, rng).delay for _ in range(200)]
    assert max(d for d in delays if d is not None) <= 1.0


def test_the_peers_own_wish_is_honoured() -> None:
    finished = Finished("cam", 1, "server_error", "", retry_after=45.0)
    delay = retry_after(finished, 0, random.Random(1)).delay
    assert delay is not None
    assert delay >= 45.0

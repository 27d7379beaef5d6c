"""The watchdog is bound to real progress: a queue, the streams and the alerts must all move."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from streamwatch.app.assembly import WeightsView
from streamwatch.app.health import Health
from streamwatch.inference.worker import Progress


@dataclass
class Moving:
    """Stands for the organs: what they say of themselves, and nothing else."""

    progress_is: Progress
    ticked_at: float = 1000.0
    waiting_since: float | None = None

    def progress(self) -> Progress:
        return self.progress_is


def stuck(now: float, **said: Any) -> Callable[[float], str | None]:
    organs = Moving(**{"progress_is": Progress(1000.0, None, 0), **said})
    clock = [now]
    health = Health(
        inference=cast("Any", organs),
        desk=cast("Any", organs),
        supervisor=cast("Any", organs),
        lane=cast("Any", organs),
        weights=WeightsView("starter", 224, {}, {}),
        timeout=10.0,
        clock=lambda: clock[0],
        workers=dict,
        overloaded_at=lambda: None,
    )

    def at(later: float) -> str | None:
        clock[0] = later
        organs.ticked_at = said.get("ticked_at", later)
        return health.stuck()

    return at


def test_an_idle_daemon_is_not_stuck() -> None:
    at = stuck(1000.0)
    assert at(1001.0) is None
    assert at(9000.0) is None


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"progress_is": Progress(1000.0, 1000.0, 1)}, "a batch has been running"),
        ({"progress_is": Progress(1000.0, None, 5)}, "none has been scored"),
        ({"ticked_at": 1000.0}, "not been looked after"),
        ({"waiting_since": 950.0}, "waiting to be written down"),
    ],
)
def test_what_does_not_move_is_named(said: dict[str, Any], word: str) -> None:
    at = stuck(1000.0, **said)
    assert at(1000.5) is None
    found = at(1030.0)
    assert found is not None
    assert word in found


def test_frames_that_only_just_came_after_a_long_silence_are_no_sign_of_being_stuck() -> None:
    at = stuck(5000.0, progress_is=Progress(1000.0, None, 3))
    assert at(5000.0) is None
    assert at(5015.0) is None
    assert at(5025.0) is not None

"""Whether the daemon lives and whether it is ready, with the reasons in words."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamwatch.app.assembly import WeightsView
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.inference.worker import InferenceWorker
from streamwatch.streams.alert_lane import AlertLane
from streamwatch.streams.supervisor import Supervisor

_RECENT: Final = 60.0
_MARGIN: Final = 10.0
_LANE_LIMIT: Final = 60.0


@dataclass(slots=True)
class Health:
    """Asked by /health, by systemd's watchdog and by the log."""

    inference: InferenceWorker
    desk: AlertDesk
    supervisor: Supervisor
    lane: AlertLane
    weights: WeightsView
    timeout: float
    """Seconds that a batch may take before the inference worker counts as stuck."""
    clock: Callable[[], float]
    workers: Callable[[], Mapping[int, int]]
    """The capture workers that run now."""
    overloaded_at: Callable[[], float | None]
    """When a frame last gave way in a full queue, by ``clock``."""
    remarks: Callable[[], list[str]] = list
    """More of what must be known and does not make the daemon unready."""
    config_fault: str | None = None
    starting: bool = True
    """Until the streams are watched and callers are let in."""
    stopping: bool = False
    _queue_since: float | None = None

    def stuck(self) -> str | None:
        """Why the daemon makes no progress; None while it does. No watchdog ping is sent while this answers."""
        now, progress = self.clock(), self.inference.progress()
        if progress.busy_since is not None and now - progress.busy_since > self.timeout:
            return f"a batch has been running for {now - progress.busy_since:.0f} s"
        self._queue_since = None if progress.depth == 0 else self._queue_since or now
        if self._queue_since is not None:
            idle = now - max(self._queue_since, progress.last_progress)
            if idle > self.timeout + _MARGIN:
                return f"frames wait, and none has been scored for {idle:.0f} s"
        if now - self.supervisor.ticked_at > _MARGIN:
            return f"the streams have not been looked after for {now - self.supervisor.ticked_at:.0f} s"
        since = self.lane.waiting_since
        if since is not None and now - since > _LANE_LIMIT:
            return f"an alert has been waiting to be written down for {now - since:.0f} s"
        return None

    def _warnings(self) -> list[str]:
        """What does not make the daemon unready, but must be known."""
        at = self.overloaded_at()
        if at is None or self.clock() - at > _RECENT:
            return self.remarks()
        return [
            *self.remarks(),
            "the models cannot keep up: frames give way unscored (queue_full); see the streams' coverage",
        ]

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Is the process worth keeping."""
        stuck = self.stuck()
        return stuck is None, {"problems": [stuck] if stuck else []}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Is it really watching and able to tell; what it cannot see stands beside it."""
        problems: list[str] = []
        if self.starting:
            problems.append("the daemon is starting")
        if self.stopping:
            problems.append("the daemon is stopping")
        stuck = self.stuck()
        if stuck:
            problems.append(stuck)
        if not self.workers():
            problems.append("no capture worker runs")
        if self.desk.fault:
            problems.append(f"alerts cannot be written down: {self.desk.fault}")
        if self.config_fault:
            problems.append(f"the configuration was refused, the last good one holds: {self.config_fault}")
        streams = self.supervisor.streams.values()
        states = Counter(watched.state.name for watched in streams)
        expected = sum(watched.meter.expected for watched in streams)
        covered = sum(min(watched.meter.covered, watched.meter.expected) for watched in streams)
        return not problems, {
            "problems": problems,
            "warnings": self._warnings(),
            "streams": {"configured": len(streams), "states": dict(states)},
            "coverage": round(covered / expected, 4) if expected else None,
            "weights": {"name": self.weights.name, "sha256": self.weights.sha256},
            "not_detected": self.weights.not_detected,
        }

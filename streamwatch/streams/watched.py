"""One watched stream: what is known of it, and its state with the evidence for it."""

from collections import Counter, deque
from collections.abc import Mapping

from streamwatch.decision.judge import Judge
from streamwatch.records.capture import SourceDescription
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StateName, StreamState
from streamwatch.streams.coverage import CoverageMeter
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.picture_health import PictureWatch

_HISTORY = 32
"""States kept for the summary and the API; older ones are in the log."""


class WatchedStream:
    """Everything the supervisor knows of one stream. It alone changes it."""

    def __init__(self, definition: StreamDefinition, judge: Judge, *, now: float, wall: float) -> None:
        self.definition = definition
        self.judge = judge
        self.meter = CoverageMeter(now)
        self.pictures = PictureWatch()
        self.state = StreamState(definition.id, "starting", wall, "", "")
        self.states_seen: deque[StateName] = deque(["starting"], maxlen=_HISTORY)
        self.session = 0
        self.running = False
        self.resumed = False
        self.failures = 0
        self.next_attempt: float | None = now
        self.session_started = now
        self.last_frame: float | None = None
        self.last_scored_wall: float | None = None
        self.last_values: Mapping[str, float] = {}
        self.description: SourceDescription | None = None
        self.blind_since: float | None = now
        self.sight = True
        self.judge_kept = now
        self.unanswered = 0
        """Frames handed to the models whose answer is still to come."""
        self.closing = False
        """The stream ended; its incidents close once the last frames are scored."""
        self.suspended_until: float | None = None
        self.frames_decoded = 0
        self.frames_scored = 0
        self.frames_unscored: Counter[str] = Counter()

    @property
    def id(self) -> str:
        """The stream's id."""
        return self.definition.id

    def change_state(self, name: StateName, *, wall: float, reason: str = "", code: str = "") -> bool:
        """Set the state; False when nothing but the time would change."""
        if (name, reason, code) == (self.state.name, self.state.reason, self.state.code):
            return False
        same = name == self.state.name
        self.state = StreamState(self.id, name, self.state.since if same else wall, reason, code)
        if not same:
            self.states_seen.append(name)
        return True

    def took_scores(self, scores: Scores) -> float:
        """Count a scored frame; returns the seconds newly covered."""
        self.frames_scored += 1
        self.last_values = scores.values
        self.last_scored_wall = scores.captured_at
        return self.meter.scored(scores.session, scores.media_time, scores.received, scores.interval)

    def silence_limit(self) -> float:
        """Seconds without a picture after which the stream counts as stalled."""
        plan = self.definition.plan
        gap = 0.0
        if self.description is not None:
            gap = max(self.description.keyframe_seconds or 0.0, self.description.segment_seconds or 0.0)
        return max(plan.stall_after, 3.0 * plan.interval, 3.0 * gap)

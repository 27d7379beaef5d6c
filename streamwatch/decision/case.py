"""One model's incident on one stream, from its triggers: when it opens, changes, closes and opens again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streamwatch.decision.policy import PEAK_PAUSE, PEAK_RISE, RESTART_GAP
from streamwatch.decision.trigger import Trigger
from streamwatch.records.alert import AlertEvent, CloseReason, Incident, UpdateReason, Verdict
from streamwatch.records.scores import Scores
from streamwatch.records.threshold import Threshold

_HAIR = 1e-9  # 0.95 - 0.90 is a hair below 0.05


@dataclass(frozen=True, slots=True)
class _Height:
    """How far a label is over its threshold."""

    label: str
    score: float
    enter: float

    @property
    def ratio(self) -> float:
        return self.score / self.enter


class Case:
    """At most one open incident; the last closed one is kept for its cooldown.

    While an incident is open at least one trigger is on, and while one is on the incident is open.
    """

    def __init__(
        self,
        stream: str,
        model: str,
        thresholds: Sequence[Threshold],
        *,
        new_id: Callable[[], str],
        weights: str | None = None,
        known: Sequence[Incident] = (),
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._stream, self.model, self._new_id, self._weights = stream, model, new_id, weights
        kept = {} if state is None else state["triggers"]
        self._triggers = [Trigger(threshold, kept.get(threshold.label)) for threshold in thresholds]
        latest_last = sorted(known, key=lambda incident: (incident.closed_at is None, incident.opened_at))
        self._incident = latest_last[-1] if latest_last else None
        self._strays = [incident for incident in latest_last[:-1] if incident.closed_at is None]
        self._told_peak = self._incident.peak if self._incident else 0.0
        if state is not None:
            self._told_peak = min(self._told_peak, float(state["told_peak"]))
        self._last: Scores | None = None
        self._agree()

    @property
    def incident(self) -> Incident | None:
        """The open incident, or the last one that closed."""
        return self._incident

    @property
    def open(self) -> Incident | None:
        """The open incident."""
        return self._incident if self._incident and self._incident.closed_at is None else None

    def observe(self, scores: Scores, *, pace: float, visible: bool) -> list[Verdict]:
        """Takes one scored frame in. While the stream is not visible nothing closes as over."""
        self._last = scores
        changes = [trigger.observe(scores, pace=pace, may_leave=visible) for trigger in self._triggers]
        entered = [trigger for trigger, change in zip(self._triggers, changes, strict=True) if change == "on"]
        active = [trigger for trigger in self._triggers if trigger.on]
        incident = self.open
        if incident is None:
            return [self._open(scores, entered, visible=visible)] if entered else []
        if self._triggers and not active:
            return [self._close(incident, "over", scores.captured_at, scores)]
        return self._update(incident, scores, active, entered, visible=visible)

    def sight(self, *, visible: bool, now: float) -> list[Verdict]:
        """The stream can, or can no longer, be seen."""
        for trigger in self._triggers:
            trigger.hold()
        incident = self.open
        if incident is None or incident.sight == visible:
            return []
        self._incident = self._judged(replace(incident, sight=visible, updated_at=_not_before(incident, now)))
        return [self._verdict("updated", "sight_regained" if visible else "sight_lost", now)]

    def close(self, reason: CloseReason, now: float) -> list[Verdict]:
        """Closes what is open, whatever the scores say, and forgets the evidence."""
        for trigger in self._triggers:
            trigger.switch_off()
        incident = self.open
        return [] if incident is None else [self._close(incident, reason, now, None)]

    def resume(self, now: float, seen_at: float) -> list[Verdict]:
        """Closes what cannot be taken up again after a restart; ``seen_at`` is when scores last came."""
        verdicts = []
        for stray in self._strays:
            closed = replace(stray, closed_at=now, updated_at=_not_before(stray, now), close_reason="restart_gap")
            verdicts.append(self._verdict("closed", "restart_gap", now, incident=self._judged(closed)))
        self._strays = []
        incident = self.open
        if incident is None:
            return verdicts
        if not any(trigger.on for trigger in self._triggers):
            return verdicts + self.close("removed", now)  # its thresholds are gone: nothing could ever end it
        limit = max([RESTART_GAP, *(trigger.threshold.cooldown for trigger in self._triggers)])
        if now - max(seen_at, incident.updated_at) > limit:
            verdicts += self.close("restart_gap", now)
        return verdicts

    def state(self) -> dict[str, Any]:
        """What another process needs, beside the incident, to go on."""
        triggers = {trigger.threshold.label: trigger.state() for trigger in self._triggers}
        return {"told_peak": self._told_peak, "triggers": triggers}

    def _agree(self) -> None:
        """The store's incident decides over a trigger state that is older or of other thresholds."""
        incident = self.open
        for trigger in self._triggers:
            if incident is None and trigger.on:
                trigger.switch_off()
        if incident is not None and not any(trigger.on for trigger in self._triggers):
            for trigger in self._triggers:
                if trigger.threshold.label in incident.labels:
                    trigger.switch_on()

    def _open(self, scores: Scores, entered: Sequence[Trigger], *, visible: bool) -> Verdict:
        first = min((trigger.confirming[0] for trigger in entered), key=lambda seen: seen.captured_at)
        received = [seen.received for trigger in entered for seen in trigger.confirming if seen.received is not None]
        top = max((_confirmed(trigger) for trigger in entered), key=lambda height: height.ratio)
        labels = tuple(trigger.threshold.label for trigger in entered)
        incident = Incident(
            id="",
            stream=self._stream,
            model=self.model,
            label=top.label,
            labels=labels,
            peak=top.score,
            threshold=top.enter,
            opened_at=first.captured_at,
            updated_at=scores.captured_at,
            closed_at=None,
            close_reason=None,
            sight=visible,
            weights=str(scores.weights),
            judged_by=str(scores.weights),
        )
        cooldown = max(trigger.threshold.cooldown for trigger in entered)
        earlier = self._incident
        again = (
            earlier is not None and earlier.closed_at is not None and first.captured_at - earlier.closed_at <= cooldown
        )
        if again and earlier is not None:
            self._incident = _reopened(earlier, incident)
        else:
            self._incident = replace(incident, id=self._new_id())
        self._told_peak = self._incident.peak
        verdict = self._verdict("opened", "reopened" if again else None, scores.captured_at, scores)
        return replace(verdict, first_over_received=min(received, default=None), frames=_frames(entered))

    def _update(
        self, incident: Incident, scores: Scores, active: list[Trigger], entered: list[Trigger], *, visible: bool
    ) -> list[Verdict]:
        heights = [_confirmed(trigger) if trigger in entered else _present(trigger, scores) for trigger in active]
        top = max(heights, key=lambda height: height.ratio, default=None)
        if top is not None and top.ratio > incident.peak / incident.threshold:
            incident = replace(incident, label=top.label, peak=top.score, threshold=top.enter)
        new = tuple(trigger.threshold.label for trigger in entered if trigger.threshold.label not in incident.labels)
        regained = visible and not incident.sight
        incident = replace(incident, labels=incident.labels + new, sight=incident.sight or visible)
        self._incident = incident
        reason = self._news(incident, scores, new=bool(new), regained=regained)
        if reason is None:
            return []
        self._incident = self._judged(replace(incident, updated_at=_not_before(incident, scores.captured_at)))
        self._told_peak = incident.peak
        verdict = self._verdict("updated", reason, scores.captured_at, scores)
        return [replace(verdict, frames=_frames(entered)) if new else verdict]

    def _news(self, incident: Incident, scores: Scores, *, new: bool, regained: bool) -> UpdateReason | None:
        if new:
            return "new_label"
        if regained:
            return "sight_regained"
        risen = incident.peak - self._told_peak >= PEAK_RISE - _HAIR
        paused = abs(scores.captured_at - incident.updated_at) >= PEAK_PAUSE
        return "peak" if risen and paused else None

    def _close(self, incident: Incident, reason: CloseReason, now: float, scores: Scores | None) -> Verdict:
        at = _not_before(incident, now)
        self._incident = self._judged(replace(incident, closed_at=at, updated_at=at, close_reason=reason))
        return self._verdict("closed", reason, now, scores)

    def _judged(self, incident: Incident) -> Incident:
        """The incident with the weights that speak of it now."""
        said_by = self._weights or (str(self._last.weights) if self._last else incident.judged_by)
        return replace(incident, judged_by=said_by)

    def _verdict(
        self,
        event: AlertEvent,
        reason: CloseReason | UpdateReason | None,
        now: float,
        scores: Scores | None = None,
        *,
        incident: Incident | None = None,
    ) -> Verdict:
        subject = incident or self._incident
        assert subject is not None
        latest = scores or self._last
        return Verdict(
            event=event,
            reason=reason,
            incident=subject,
            score=latest.values[subject.label] if latest else subject.peak,
            frame=scores.frame if scores else None,
            media_time=latest.media_time if latest else 0.0,
            captured_at=now,
            values=scores.values if scores else {},
            first_over_received=None,
        )


def _confirmed(trigger: Trigger) -> _Height:
    """The highest of the frames that switched the trigger on."""
    score = max(seen.score for seen in trigger.confirming)
    return _Height(trigger.threshold.label, score, trigger.threshold.enter)


def _frames(entered: Sequence[Trigger]) -> tuple[str, ...]:
    """The frames that switched these on, the most telling first."""
    ratios: dict[str, float] = {}
    for trigger in entered:
        for seen in trigger.confirming:
            if seen.frame is not None:
                ratios[seen.frame] = max(ratios.get(seen.frame, 0.0), seen.score / trigger.threshold.enter)
    return tuple(sorted(ratios, key=lambda frame: -ratios[frame]))


def _present(trigger: Trigger, scores: Scores) -> _Height:
    label = trigger.threshold.label
    return _Height(label, scores.values[label], trigger.threshold.enter)


def _reopened(earlier: Incident, now: Incident) -> Incident:
    """Same id and first moment; the earlier peak stays where its label is what is over again."""
    stays = earlier.label in now.labels and earlier.peak / earlier.threshold >= now.peak / now.threshold
    lead = earlier if stays else now
    more = tuple(label for label in now.labels if label not in earlier.labels)
    return replace(
        now,
        id=earlier.id,
        opened_at=earlier.opened_at,
        weights=earlier.weights,
        label=lead.label,
        peak=lead.peak,
        threshold=lead.threshold,
        labels=earlier.labels + more,
    )


def _not_before(incident: Incident, now: float) -> float:
    # Clocks of origins and of this machine differ; an incident's own times still never run backwards.
    return max(now, incident.updated_at)

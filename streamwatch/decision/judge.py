"""One stream's scores -> what is to be said about its incidents, for both models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from streamwatch.decision.case import Case
from streamwatch.decision.policy import Pace, by_model
from streamwatch.records.alert import CloseReason, Incident, Verdict
from streamwatch.records.labels import MODELS
from streamwatch.records.scores import Scores
from streamwatch.records.threshold import Threshold

_STATE_VERSION: Final = 1


class Judge:
    """Pure: the same calls give the same verdicts. ``now`` is always Unix seconds.

    A model without thresholds has no incidents. ``known`` are the stream's incidents of an earlier life: open ones are
    taken up, closed ones are opened again within their cooldown. ``state`` is what ``state()`` gave then; one of
    another version, or broken, is dropped, and open incidents go on without it.

    ``weights`` (``name@sha256``) are those that the thresholds belong to: scores of others tell it nothing, and of a
    ``state`` of others only what is open goes on, for the last frames' scores mean something else. None takes all.

    The first call after that also settles what cannot be taken up, see ``resume``.
    """

    def __init__(
        self,
        stream: str,
        thresholds: Sequence[Threshold],
        interval: float,
        *,
        new_id: Callable[[], str],
        weights: str | None = None,
        known: Sequence[Incident] = (),
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """``interval`` is the wanted seconds between frames. Raises ValueError for thresholds that mean nothing."""
        self._pace = Pace(interval)
        self._visible = True
        self._resumed = False
        self._weights = weights
        self._seen_at, states = _read(state)
        if state is not None and weights is not None and state.get("weights") != weights:
            states = {model: _without_evidence(one) for model, one in states.items()}
        policy = by_model(thresholds)
        self._cases: list[Case] = []
        for model in MODELS:
            theirs = [incident for incident in known if incident.model == model and incident.stream == stream]
            if model not in policy and not theirs:
                continue
            make = partial(Case, stream, model, policy.get(model, ()), new_id=new_id, weights=weights, known=theirs)
            self._cases.append(_restored(make, states.get(model)))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The open incident of each model, or its last closed one: ``known`` for the judge that takes over."""
        return tuple(case.incident for case in self._cases if case.incident is not None)

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """The incidents that are open now."""
        return tuple(case.open for case in self._cases if case.open is not None)

    def resume(self, now: float, *, last_seen: float | None = None) -> list[Verdict]:
        """Settles the incidents of an earlier life; later calls change nothing.

        Closed as ``restart_gap``: those without scores for longer than 10 minutes or the cooldown, whichever is longer.
        ``last_seen`` is when the daemon was last known to score this stream, if the caller knows better than the state.
        Closed as ``removed``: those whose labels have no thresholds any more.
        """
        if self._resumed:
            return []
        self._resumed = True
        seen_at = max(self._seen_at, last_seen or 0.0)
        return _all(case.resume(now, seen_at) for case in self._cases)

    def observe(self, scores: Scores) -> list[Verdict]:
        """Takes one scored frame in; frames must come in stream order."""
        if self._weights is not None and str(scores.weights) != self._weights:
            return []  # on their way when the weights were switched
        verdicts = self.resume(scores.captured_at)
        pace = self._pace.observe(scores)
        self._seen_at = max(self._seen_at, scores.captured_at)
        return verdicts + _all(case.observe(scores, pace=pace, visible=self._visible) for case in self._cases)

    def sight(self, visible: bool, now: float) -> list[Verdict]:
        """The stream can, or can no longer, be seen; saying it twice changes nothing."""
        verdicts = self.resume(now)
        if visible == self._visible:
            return verdicts
        self._visible = visible
        return verdicts + _all(case.sight(visible=visible, now=now) for case in self._cases)

    def close(self, reason: CloseReason, now: float) -> list[Verdict]:
        """Closes every open incident, whatever the scores say."""
        return self.resume(now) + _all(case.close(reason, now) for case in self._cases)

    def state(self) -> dict[str, Any]:
        """What a judge after a restart needs beside the incidents; JSON-able."""
        cases = {case.model: case.state() for case in self._cases}
        return {"version": _STATE_VERSION, "weights": self._weights, "seen_at": self._seen_at, "cases": cases}


def _all(verdicts: Iterable[list[Verdict]]) -> list[Verdict]:
    return [verdict for some in verdicts for verdict in some]


def _read(state: Mapping[str, Any] | None) -> tuple[float, Mapping[str, Any]]:
    """When scores last came, and each model's part."""
    if not state or state.get("version") != _STATE_VERSION:
        return 0.0, {}
    seen_at, cases = state.get("seen_at"), state.get("cases")
    return float(seen_at) if isinstance(seen_at, int | float) else 0.0, cases if isinstance(cases, Mapping) else {}


def _without_evidence(case: Any) -> Any:
    """A case's state whose triggers know only whether they are on; what cannot be read is left to the case."""
    try:
        triggers = {label: {**one, "below": 0, "recent": []} for label, one in case["triggers"].items()}
        return {**case, "triggers": triggers}
    except (KeyError, TypeError, AttributeError):
        return case


def _restored(make: Callable[..., Case], state: Mapping[str, Any] | None) -> Case:
    try:
        return make(state=state)
    except (KeyError, TypeError, ValueError, AttributeError):
        # A broken state costs at most the evidence of the last few frames; the incident itself is in the store.
        return make()

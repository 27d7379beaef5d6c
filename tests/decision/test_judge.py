"""Incidents of one stream: what is said, when, and that restarts and lost sight change nothing that they should not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from streamwatch.decision.judge import Judge
from streamwatch.records.alert import Incident, Verdict
from streamwatch.records.threshold import Threshold
from tests.decision.drive import INTERVAL, START, numbered, scores, threshold

H, M, L = 0.9, 0.7, 0.1


class Court:
    """A judge, a clock in steps of the interval, and what was said."""

    def __init__(self, *thresholds: Threshold) -> None:
        self.new_id = numbered()
        self.thresholds: Sequence[Threshold] = thresholds or (threshold(),)
        self.judge = Judge("cam", self.thresholds, INTERVAL, new_id=self.new_id)
        self.at = 0.0
        self.session = 0

    def feed(self, *values: float | dict[str, float]) -> list[Verdict]:
        """Frames one interval apart; the verdicts of the last one."""
        verdicts: list[Verdict] = []
        for value in values:
            verdicts = self.judge.observe(scores(self.at, value, session=self.session))
            self.at += INTERVAL
        return verdicts

    def said(self, *values: float | dict[str, float]) -> list[str]:
        return [word for value in values for word in words(self.feed(value))]

    def restart(self, *, away: float = 4.0, thresholds: Sequence[Threshold] | None = None, state: Any = ...) -> None:
        kept = json.loads(json.dumps(self.judge.state())) if state is ... else state
        self.thresholds = self.thresholds if thresholds is None else thresholds
        known = self.judge.incidents
        self.judge = Judge("cam", self.thresholds, INTERVAL, new_id=self.new_id, known=known, state=kept)
        self.at += away


def words(verdicts: list[Verdict]) -> list[str]:
    return [f"{v.incident.id} {v.event}" + (f" {v.reason}" if v.reason else "") for v in verdicts]


def only(verdicts: list[Verdict]) -> Verdict:
    [verdict] = verdicts
    return verdict


def test_an_incident_opens_with_the_first_confirming_frame_and_closes_as_over() -> None:
    court = Court()
    assert court.feed(L, 0.95) == []
    opened = only(court.feed(0.85))
    assert opened == Verdict(
        event="opened",
        reason=None,
        incident=Incident(
            id="id1",
            stream="cam",
            model="gore-2.0",
            label="gore.prob",
            labels=("gore.prob",),
            peak=0.95,
            threshold=0.8,
            opened_at=START + 2.0,
            updated_at=START + 4.0,
            closed_at=None,
            close_reason=None,
            sight=True,
            weights="tiny@abc",
            judged_by="tiny@abc",
        ),
        score=0.85,
        frame="cam-0-4",
        media_time=4.0,
        captured_at=START + 4.0,
        values=scores(0.0, 0.85).values,
        first_over_received=5002.0,
        frames=("cam-0-2", "cam-0-4"),  # the most telling first: 0.95, 0.85
    )
    assert court.said(M, L, L) == []
    closed = only(court.feed(L))
    assert (closed.event, closed.reason, closed.score) == ("closed", "over", L)
    assert closed.first_over_received is None
    assert closed.incident == replace(
        opened.incident, closed_at=START + 12.0, updated_at=START + 12.0, close_reason="over"
    )


def test_models_have_incidents_of_their_own() -> None:
    court = Court(threshold("gore.prob"), threshold("self-harm.prob", confirm=(1, 1)))
    both = {"gore.prob": H, "self-harm.prob": H}
    assert court.said(both, both) == ["id1 opened", "id2 opened"]
    assert [incident.model for incident in court.judge.open_incidents] == ["self-harm", "gore-2.0"]
    assert court.said({"gore.prob": H}) == ["id1 closed over"]
    assert [incident.id for incident in court.judge.open_incidents] == ["id2"]


def test_a_model_without_thresholds_has_no_incident() -> None:
    court = Court(threshold("gore.prob"))
    assert court.said(*[{"self-harm.prob": 1.0}] * 5) == []
    assert Judge("cam", (), INTERVAL, new_id=numbered()).observe(scores(0.0, 1.0)) == []


def test_the_label_that_is_furthest_over_its_threshold_leads() -> None:
    low = threshold("gore.classes.skull", enter=0.4, exit=0.3)
    court = Court(threshold("gore.prob"), low)
    frame = {"gore.prob": 0.9, "gore.classes.skull": 0.6}  # 1.125 and 1.5 times the threshold
    opened = only(court.feed(frame, frame))
    assert opened.incident.label == "gore.classes.skull"
    assert (opened.incident.peak, opened.incident.threshold, opened.score) == (0.6, 0.4, 0.6)
    assert opened.incident.labels == ("gore.prob", "gore.classes.skull")


def test_a_new_label_is_told_once_and_the_incident_lasts_until_all_are_over() -> None:
    court = Court(threshold("gore.prob"), threshold("gore.classes.skull"))
    gore, skull = {"gore.prob": H}, {"gore.classes.skull": 0.85}
    assert court.said(gore, gore, skull) == ["id1 opened"]
    update = only(court.feed(skull))
    assert (update.event, update.reason) == ("updated", "new_label")
    assert update.incident.labels == ("gore.prob", "gore.classes.skull")
    assert update.incident.label == "gore.prob"
    assert court.said(*[skull] * 4) == []  # gore.prob has left, the skull is still there
    assert court.said(gore, gore, gore) == []  # and comes back: no news
    assert court.said(*[0.0] * 3) == ["id1 closed over"]


def test_a_peak_is_told_when_it_rose_enough_and_not_too_often() -> None:
    court = Court(threshold(enter=0.5, exit=0.4))
    assert court.said(0.5, 0.5) == ["id1 opened"]  # at 2 s
    assert court.said(0.8, 0.9, 0.6, 0.6) == []  # until 10 s
    update = only(court.feed(0.6))  # 12 s: ten after the opening, though this frame is no peak
    assert (update.reason, update.incident.peak, update.score) == ("peak", 0.9, 0.6)
    assert court.said(*[0.94] * 10) == []  # risen by less than 0.05
    assert court.said(0.95) == ["id1 updated peak"]
    assert court.said(0.2, 0.2) == []
    assert only(court.feed(0.2)).incident.peak == 0.95


@pytest.mark.parametrize(
    ("pause", "expected"),
    [(56.0, "id1 opened reopened"), (60.0, "id1 opened reopened"), (62.0, "id2 opened")],
)
def test_crossing_again_within_the_cooldown_reopens(pause: float, expected: str) -> None:
    court = Court(threshold(cooldown=60.0))
    court.feed(0.95, H, L, L)
    closed = only(court.feed(L))
    assert closed.incident.closed_at is not None
    court.at = closed.incident.closed_at - START + pause  # the first frame over again
    court.session += 1
    assert court.feed(0.82) == []
    again = only(court.feed(0.82))
    assert words([again]) == [expected]
    assert again.first_over_received == 5000.0 + court.at - 2 * INTERVAL
    if again.reason == "reopened":
        assert again.incident.opened_at == START
        assert again.incident.peak == 0.95
        assert (again.incident.closed_at, again.incident.close_reason) == (None, None)
    else:
        assert again.incident.peak == 0.82


def test_reopened_by_another_label_it_is_that_label_that_leads() -> None:
    court = Court(threshold("gore.prob"), threshold("gore.classes.skull"))
    court.feed(1.0, 1.0, L, L, L)
    skull = {"gore.classes.skull": 0.85}
    again = only(court.feed(skull, skull))
    assert words([again]) == ["id1 opened reopened"]
    assert (again.incident.label, again.incident.peak, again.score) == ("gore.classes.skull", 0.85, 0.85)
    assert again.incident.labels == ("gore.prob", "gore.classes.skull")


def test_lost_sight_is_told_and_closes_nothing() -> None:
    court = Court()
    court.feed(H, H, L, L)
    lost = only(court.judge.sight(visible=False, now=START + court.at))
    assert (lost.event, lost.reason, lost.incident.sight) == ("updated", "sight_lost", False)
    assert (lost.frame, dict(lost.values), lost.score, lost.captured_at) == (None, {}, L, START + court.at)
    assert court.judge.sight(visible=False, now=START + court.at) == []
    assert court.said(*[L] * 6) == []  # stragglers from before
    regained = only(court.judge.sight(visible=True, now=START + court.at))
    assert (regained.reason, regained.incident.sight) == ("sight_regained", True)
    assert court.said(L, L) == []  # two of before and two of after are not three in a row
    assert court.said(L) == ["id1 closed over"]
    assert court.judge.sight(visible=False, now=START + court.at) == []  # nothing is open


def test_the_way_off_begins_anew_when_sight_comes_back() -> None:
    court = Court()
    court.feed(H, H, L, L)
    court.judge.sight(visible=False, now=START + court.at)
    court.judge.sight(visible=True, now=START + court.at)
    assert court.said(L, L) == []
    assert court.said(L) == ["id1 closed over"]


def test_what_opens_unseen_is_marked_so() -> None:
    court = Court()
    court.judge.sight(visible=False, now=START)
    assert only(court.feed(H, H)).incident.sight is False
    assert only(court.judge.sight(visible=True, now=START + 9)).reason == "sight_regained"


@pytest.mark.parametrize("reason", ["ended", "removed", "suspended", "lost_sight"])
def test_closing_by_order_forgets_the_evidence(reason: Any) -> None:
    court = Court(threshold("gore.prob"), threshold("self-harm.prob"))
    both = {"gore.prob": H, "self-harm.prob": H}
    court.feed(both, both)
    verdicts = court.judge.close(reason, START + 5.0)
    assert words(verdicts) == [f"id1 closed {reason}", f"id2 closed {reason}"]
    assert {verdict.incident.closed_at for verdict in verdicts} == {START + 5.0}
    assert court.judge.close(reason, START + 6.0) == []
    assert court.feed(H) == []
    assert words(court.feed(H)) == ["id2 opened reopened"]


def test_an_incident_never_ends_before_it_was_updated() -> None:
    court = Court()
    court.feed(H, H)
    assert only(court.judge.close("ended", START - 50.0)).incident.closed_at == START + 2.0


@pytest.mark.parametrize("away", [0.0, 30.0, 590.0])
def test_an_open_incident_goes_on_after_a_restart(away: float) -> None:
    court = Court()
    court.feed(H, H, H)
    court.restart(away=away)
    assert court.said(H, M) == []
    assert court.said(L, L, L) == ["id1 closed over"]
    assert court.said(H, H) == ["id1 opened reopened"]


def test_a_long_incident_is_not_taken_for_an_abandoned_one() -> None:
    court = Court()
    court.feed(*[H] * 500)
    court.restart(away=30.0)
    assert court.judge.resume(START + court.at) == []


def test_a_peak_that_was_not_told_yet_is_told_after_the_restart() -> None:
    court = Court(threshold(enter=0.5, exit=0.4))
    court.feed(0.5, 0.5, 0.9)
    court.restart(away=10.0)
    assert only(court.feed(0.6)).reason == "peak"


def test_evidence_of_before_a_short_restart_counts() -> None:
    court = Court()
    court.feed(H)
    court.restart(away=4.0)
    opened = only(court.feed(H))
    assert opened.incident.opened_at == START
    assert opened.first_over_received == 5000.0 + court.at - INTERVAL  # the old process had another clock


@pytest.mark.parametrize(
    ("cooldown", "away", "closes"), [(60.0, 590.0, False), (60.0, 610.0, True), (900.0, 800.0, False)]
)
def test_after_a_long_gap_the_incident_is_not_taken_up(cooldown: float, away: float, closes: bool) -> None:
    court = Court(threshold(cooldown=cooldown))
    court.feed(H, H)
    court.restart(away=away)
    verdicts = court.judge.resume(START + court.at)
    assert words(verdicts) == (["id1 closed restart_gap"] if closes else [])
    assert court.judge.resume(START + court.at + 9e9) == []
    assert court.said(H, H) == (["id1 opened reopened"] if closes else [])  # inside the cooldown of that close


def test_a_gap_that_nobody_settled_is_settled_by_the_first_frame() -> None:
    court = Court()
    court.feed(H, H)
    court.restart(away=1000.0)
    assert court.said(L) == ["id1 closed restart_gap"]


def test_the_caller_may_know_of_later_scores_than_the_state() -> None:
    court = Court()
    court.feed(H, H)
    court.restart(away=1000.0)
    assert court.judge.resume(START + court.at, last_seen=START + court.at - 5.0) == []


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"version": 99},
        {"version": 1},
        {"version": 1, "seen_at": "x", "cases": []},
        {"version": 1, "seen_at": START, "cases": {"gore-2.0": {}}},
        {"version": 1, "seen_at": START, "cases": {"gore-2.0": []}},
        {"version": 1, "seen_at": START, "cases": {"gore-2.0": {"triggers": 3}}},
        {"version": 1, "cases": {"gore-2.0": {"told_peak": 0, "triggers": {"gore.prob": {"on": True, "recent": 4}}}}},
    ],
)
def test_without_its_state_an_open_incident_still_goes_on(state: Any) -> None:
    court = Court()
    court.feed(H, H, L, L)
    court.restart(state=state)
    assert court.said(L, L) == []
    assert court.said(L) == ["id1 closed over"]


def test_a_state_that_says_on_without_an_open_incident_opens_nothing_twice() -> None:
    court = Court()
    court.feed(H, H)
    state = court.judge.state()
    court.judge.close("suspended", START + court.at)
    court.restart(state=state)
    assert court.said(L, L, L) == []
    assert court.said(H, H) == ["id1 opened reopened"]


def test_other_thresholds_after_a_restart() -> None:
    court = Court(threshold("gore.prob"))
    court.feed(H, H)
    court.restart(thresholds=(threshold("gore.classes.skull"),))
    assert words(court.judge.resume(START + court.at)) == ["id1 closed removed"]
    court.restart(thresholds=())
    assert court.said(H, H) == []


def test_an_incident_without_any_threshold_of_its_model_is_closed() -> None:
    court = Court()
    court.feed(H, H)
    court.restart(thresholds=())
    assert words(court.judge.resume(START + court.at)) == ["id1 closed removed"]


def test_sight_that_came_back_during_the_restart_is_told_with_the_first_frame() -> None:
    court = Court()
    court.feed(H, H)
    court.judge.sight(visible=False, now=START + court.at)
    court.restart()
    regained = only(court.feed(H))
    assert (regained.reason, regained.incident.sight) == ("sight_regained", True)
    assert court.said(H) == []


def test_a_second_open_incident_of_one_key_is_closed_on_the_way_in() -> None:
    court = Court()
    court.feed(H, H)
    [incident] = court.judge.incidents
    twin = replace(incident, id="older", opened_at=incident.opened_at - 9.0)
    judge = Judge("cam", court.thresholds, INTERVAL, new_id=numbered(), known=[incident, twin])
    assert words(judge.resume(START + 9.0)) == ["older closed restart_gap"]
    assert [open_.id for open_ in judge.open_incidents] == [incident.id]


def test_incidents_of_other_streams_are_not_ours() -> None:
    court = Court()
    court.feed(H, H)
    [incident] = court.judge.incidents
    judge = Judge("cam", court.thresholds, INTERVAL, new_id=numbered(), known=[replace(incident, stream="other")])
    assert judge.incidents == ()


def test_rare_keyframes_still_confirm() -> None:
    court = Court()
    said = [word for time in (0.0, 20.0, 40.0) for word in words(court.judge.observe(scores(time, H)))]
    assert said == ["id1 opened"]

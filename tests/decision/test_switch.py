"""Other weights take over a stream: evidence of the old ones counts for nothing, incidents say who speaks of them."""

import json
from typing import Any

from streamwatch.decision.judge import Judge
from streamwatch.records.alert import Verdict
from streamwatch.records.scores import WeightsName
from streamwatch.records.threshold import Threshold
from tests.decision.drive import INTERVAL, START, numbered, scores, threshold

OLD, NEW = WeightsName("old", "aa"), WeightsName("new", "bb")
H, L = 0.9, 0.1


class Switch:
    """A judge of the old weights whose place one of the new ones can take."""

    def __init__(self, *thresholds: Threshold) -> None:
        self.new_id = numbered()
        self.judge = Judge("cam", thresholds or (threshold(),), INTERVAL, new_id=self.new_id, weights=str(OLD))
        self.at = 0.0

    def feed(self, weights: WeightsName, *values: float) -> list[Verdict]:
        found: list[Verdict] = []
        for value in values:
            found += self.judge.observe(scores(self.at, value, weights=weights))
            self.at += INTERVAL
        return found

    def over_to(self, weights: WeightsName, *thresholds: Threshold, state: Any = ...) -> list[Verdict]:
        kept = json.loads(json.dumps(self.judge.state())) if state is ... else state
        known = self.judge.incidents
        self.judge = Judge(
            "cam", thresholds, INTERVAL, new_id=self.new_id, weights=str(weights), known=known, state=kept
        )
        return self.judge.resume(START + self.at, last_seen=START + self.at)


def test_a_frame_of_the_old_weights_confirms_nothing_for_the_new_ones() -> None:
    switch = Switch()
    assert switch.feed(OLD, H) == []
    assert switch.over_to(NEW, threshold()) == []
    assert switch.feed(NEW, H) == [], "one of one so far"
    (opened,) = switch.feed(NEW, H)
    assert (opened.incident.weights, opened.incident.judged_by) == (str(NEW), str(NEW))
    assert opened.incident.opened_at == START + INTERVAL, "the first frame of the new weights"


def test_scores_of_the_old_weights_that_come_late_tell_the_new_judge_nothing() -> None:
    switch = Switch()
    switch.over_to(NEW, threshold())
    assert switch.feed(OLD, H, H, H) == []
    assert switch.judge.state()["cases"]["gore-2.0"]["triggers"]["gore.prob"]["recent"] == []


def test_scores_of_the_new_weights_tell_the_old_judge_nothing() -> None:
    assert Switch().feed(NEW, H, H, H) == []


def test_an_open_incident_goes_on_and_says_who_opened_and_who_closed_it() -> None:
    switch = Switch()
    (opened,) = switch.feed(OLD, H, H)
    assert switch.over_to(NEW, threshold(enter=0.5, exit=0.4)) == []
    (closed,) = switch.feed(NEW, L, L, L)
    assert (closed.event, closed.reason, closed.incident.id) == ("closed", "over", opened.incident.id)
    assert (closed.incident.weights, closed.incident.judged_by) == (str(OLD), str(NEW))


def test_frames_below_exit_by_the_old_weights_do_not_help_to_close() -> None:
    switch = Switch()
    switch.feed(OLD, H, H, L, L)
    switch.over_to(NEW, threshold())
    assert switch.feed(NEW, L, L) == []
    assert [one.event for one in switch.feed(NEW, L)] == ["closed"]


def test_news_of_an_incident_come_from_the_weights_that_have_them() -> None:
    switch = Switch(threshold(cooldown=1000.0))
    switch.feed(OLD, H, H)
    switch.over_to(NEW, threshold(cooldown=1000.0), threshold("gore.classes.skull", confirm=(1, 1)))
    blind, seeing = switch.judge.sight(False, START + 5.0), switch.judge.sight(True, START + 6.0)
    assert [one.incident.judged_by for one in blind + seeing] == [str(NEW), str(NEW)]
    verdicts = switch.judge.observe(scores(switch.at, {"gore.prob": H, "gore.classes.skull": H}, weights=NEW))
    assert [(one.reason, one.incident.weights, one.incident.judged_by) for one in verdicts] == [
        ("new_label", str(OLD), str(NEW))
    ]


def test_a_reopened_incident_keeps_the_weights_that_opened_it_first() -> None:
    switch = Switch()
    switch.feed(OLD, H, H, L, L, L)
    switch.over_to(NEW, threshold())
    (opened,) = switch.feed(NEW, H, H)
    assert (opened.reason, opened.incident.weights, opened.incident.judged_by) == ("reopened", str(OLD), str(NEW))


def test_what_the_new_weights_have_no_threshold_for_is_closed() -> None:
    switch = Switch()
    switch.feed(OLD, H, H)
    (closed,) = switch.over_to(NEW, threshold("gore.classes.skull"))
    assert (closed.event, closed.reason, closed.incident.judged_by) == ("closed", "removed", str(NEW))


def test_a_state_that_says_no_weights_or_is_broken_costs_the_evidence_alone() -> None:
    for spoil in ({"weights": None}, {"weights": "x@y"}, {"cases": {"gore-2.0": {"triggers": 3}}, "weights": None}):
        switch = Switch()
        (opened,) = switch.feed(OLD, H, H)
        assert switch.over_to(OLD, threshold(), state=switch.judge.state() | spoil) == []
        assert [one.id for one in switch.judge.open_incidents] == [opened.incident.id]


def test_the_same_weights_go_on_as_if_nothing_was() -> None:
    switch = Switch()
    switch.feed(OLD, H)
    switch.over_to(OLD, threshold(exit=0.3))
    assert [one.event for one in switch.feed(OLD, H)] == ["opened"]

"""Whatever comes: one open incident for a key, each closed once, reopened only within the cooldown."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from streamwatch.decision.judge import Judge
from streamwatch.records.alert import CloseReason, Incident, Verdict
from streamwatch.records.threshold import Threshold
from tests.decision.drive import START, numbered, scores

LABELS = ("gore.prob", "gore.classes.skull", "self-harm.prob")
REASONS: tuple[CloseReason, ...] = ("ended", "suspended", "removed", "lost_sight")


@dataclass
class Ledger:
    """Believes the verdicts one by one and objects to those that cannot follow."""

    cooldown: float
    incidents: dict[str, Incident] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)

    def enter(self, verdict: Verdict, *, visible: bool) -> None:
        incident = verdict.incident
        before = self.incidents.get(incident.id)
        assert 0.0 <= verdict.score <= 1.0
        assert incident.label in incident.labels
        assert len(set(incident.labels)) == len(incident.labels)
        self.events[verdict.event if verdict.event == "updated" else f"{verdict.event} {verdict.reason}"] += 1
        if before is not None:
            assert incident.opened_at == before.opened_at
            assert incident.updated_at >= before.updated_at
            assert incident.labels[: len(before.labels)] == before.labels
        match verdict.event:
            case "opened":
                assert incident.model not in self.open
                assert incident.closed_at is None
                assert incident.peak >= incident.threshold
                if verdict.reason == "reopened":
                    assert before is not None
                    assert before.closed_at is not None
                    assert verdict.captured_at - before.closed_at <= self.cooldown + 100.0
                else:
                    assert before is None
                self.open[incident.model] = incident.id
            case "updated":
                assert self.open[incident.model] == incident.id
                assert before is not None
                assert incident.peak / incident.threshold >= before.peak / before.threshold
            case "closed":
                assert self.open.pop(incident.model) == incident.id
                assert incident.closed_at is not None
                assert incident.close_reason == verdict.reason
                assert visible or verdict.reason != "over"
        self.incidents[incident.id] = incident


def policy(rng: random.Random, cooldown: float) -> list[Threshold]:
    chosen = rng.sample(LABELS, rng.randint(1, 3))
    thresholds = []
    for label in chosen:
        enter = rng.uniform(0.3, 0.9)
        m = rng.randint(1, 5)
        thresholds.append(Threshold(label, enter, enter * rng.uniform(0.3, 1.0), rng.randint(1, m), m, cooldown))
    return thresholds


@pytest.mark.parametrize("seed", range(60))
def test_the_ledger_never_objects(seed: int) -> None:
    rng = random.Random(seed)
    cooldown = rng.choice([0.0, 10.0, 60.0])
    thresholds, new_id = policy(rng, cooldown), numbered()
    judge = Judge("cam", thresholds, 2.0, new_id=new_id)
    ledger = Ledger(cooldown)
    at, session, visible, level = 0.0, 0, True, 0.2
    for _ in range(600):
        at += rng.choice([1.0, 2.0, 2.0, 2.0, 5.0]) if rng.random() < 0.98 else rng.uniform(10.0, 900.0)
        dice = rng.random()
        if dice < 0.05:
            level = rng.random()
        if dice < 0.01:
            verdicts = judge.close(rng.choice(REASONS), START + at)
        elif dice < 0.03:
            visible = not visible
            verdicts = judge.sight(visible=visible, now=START + at)
        elif dice < 0.04:
            state = rng.choice([json.loads(json.dumps(judge.state())), None])
            judge = Judge("cam", thresholds, 2.0, new_id=new_id, known=list(ledger.incidents.values()), state=state)
            session, visible, verdicts = session + 1, True, []
        else:
            session += rng.random() < 0.01
            values = {label: min(1.0, max(0.0, rng.gauss(level, 0.2))) for label in LABELS}
            verdicts = judge.observe(scores(at, values, session=session))
        for verdict in verdicts:
            ledger.enter(verdict, visible=visible)
        assert {incident.model: incident.id for incident in judge.open_incidents} == ledger.open
        assert {i.id: i for i in judge.open_incidents} == {i.id: i for i in judge.incidents if i.closed_at is None}


def test_the_walk_above_sees_every_kind_of_event() -> None:
    ledger = Ledger(60.0)
    rng = random.Random(1)
    judge = Judge("cam", [Threshold("gore.prob", 0.5, 0.4, 2, 3, 60.0)], 2.0, new_id=numbered())
    for step in range(2000):
        verdicts = judge.close("ended", START + 2 * step) if step % 500 == 499 else []
        level = 0.8 if (step // 20) % 2 else 0.1
        for verdict in verdicts + judge.observe(scores(2.0 * step, min(1.0, level + rng.random() / 5))):
            ledger.enter(verdict, visible=True)
    assert set(ledger.events) >= {"opened None", "opened reopened", "updated", "closed over"}

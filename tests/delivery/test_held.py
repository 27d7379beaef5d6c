"""An alert that waits: due by itself, sent at once when amended, taken back from who does not want it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from streamwatch.delivery.options import AlertFilter
from streamwatch.delivery.payload import AlertSubject, build_alert, is_confirmed, is_doubted
from streamwatch.records.opinion import LabelAnswer, OpinionMode, OpinionOutcome, SecondOpinion
from tests.delivery.samples import SUBJECT, alerts, bench, hook, verdict
from tests.peers import Peers
from tests.store.samples import incident

DENIED = SecondOpinion(
    "denied",
    "lower",
    "vlm",
    "questions.toml@0123456789ab",
    ("gore.prob", "gore.type.real"),
    answers=(LabelAnswer("gore.prob", "no", 0.04321), LabelAnswer("gore.type.real", "no", None)),
    seconds=1.25,
)
LATE = replace(DENIED, outcome="late", answers=(), seconds=None)


def about(opinion: SecondOpinion | None) -> AlertSubject:
    return replace(SUBJECT, opinion=opinion)


async def test_it_goes_out_by_itself_when_its_time_is_up(tmp_path: Path, peers: Peers) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path, hook(receiver.url)) as work:
        began = time.monotonic()
        held = await work.desk.record(about(LATE), [verdict()], hold=0.4)
        assert held is not None
        assert not work.meter.capture_to_alert, "the wait is part of it"
        (alert,) = alerts(await receiver.wait_for(1))
        assert time.monotonic() - began >= 0.35
        assert alert["second_opinion"]["outcome"] == "late"
        work.desk.lapse(held)
        assert work.meter.capture_to_alert[0] >= 0.8  # 0.5 s of confirming and the wait
        assert not await work.desk.amend(about(DENIED), held), "it has gone"


async def test_amended_it_goes_out_at_once_with_what_came(tmp_path: Path, peers: Peers) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path, hook(receiver.url)) as work:
        held = await work.desk.record(about(LATE), [verdict()], hold=60.0)
        assert held is not None
        later = verdict(event="updated", reason="peak", first_over_received=None)
        await work.desk.record(about(LATE), [later])
        assert not receiver.requests
        assert await work.desk.amend(about(DENIED), held)
        first, second = alerts(await receiver.wait_for(2, within=5.0))
        assert (first["event"], second["event"]) == ("opened", "updated"), "in order"
        assert first["doubted"]
        assert first["second_opinion"] == {
            "outcome": "denied",
            "late": False,
            "mode": "lower",
            "model": "vlm",
            "questions": "questions.toml@0123456789ab",
            "seconds": 1.25,
            "detail": "",
            "answers": [
                {"label": "gore.prob", "answer": "no", "probability": 0.0432},
                {"label": "gore.type.real", "answer": "no", "probability": None},
            ],
        }
        assert len(work.meter.capture_to_alert) == 1
        await work.nothing_owed()
        assert not await work.desk.amend(about(DENIED), held)
    assert len(receiver.requests) == 2


async def test_who_does_not_want_it_is_owed_it_no_more(tmp_path: Path, peers: Peers) -> None:
    every, sure = await peers.receiver(), await peers.receiver()
    picky = hook(sure.url, "sure", wants=AlertFilter(doubted=False))
    async with bench(tmp_path, hook(every.url), picky) as work:
        held = await work.desk.record(about(LATE), [verdict()], hold=60.0)
        assert held is not None
        assert len(held.sinks) == 2
        assert await work.desk.amend(about(DENIED), held)
        await every.wait_for(1)
        await work.nothing_owed()
        told_late = about(replace(DENIED, late=True))
        await work.desk.record(told_late, [verdict(event="updated", reason="peak")])
        await sure.wait_for(1)
        assert [one["event"] for one in alerts(sure.requests)] == ["updated"]


async def test_one_row_that_is_gone_leaves_all_as_they_are(tmp_path: Path, peers: Peers) -> None:
    receiver, other = await peers.receiver(), await peers.receiver()
    async with bench(tmp_path, hook(receiver.url), hook(other.url, "other")) as work:
        held = await work.desk.record(about(LATE), [verdict()], hold=0.5)
        assert held is not None
        await work.store.run(
            lambda connection: connection.execute("DELETE FROM outbox WHERE sink_name = 'other'").rowcount
        )
        assert not await work.desk.amend(about(DENIED), held)
        (alert,) = alerts(await receiver.wait_for(1))
        assert alert["second_opinion"]["outcome"] == "late"


@pytest.mark.parametrize(
    ("mode", "outcome", "marks"),
    [
        ("annotate", "denied", (False, False)),
        ("lower", "denied", (True, False)),
        ("lower", "confirmed", (False, False)),
        ("confirm", "denied", (True, False)),
        ("confirm", "confirmed", (False, True)),
        ("confirm", "error", (False, False)),
        ("confirm", "skipped", (False, False)),
        ("confirm", "late", (False, False)),
        ("confirm", "unclear", (False, False)),
    ],
)
def test_only_a_denial_doubts_and_only_a_confirmation_confirms(
    mode: OpinionMode, outcome: OpinionOutcome, marks: tuple[bool, bool]
) -> None:
    opinion = replace(DENIED, mode=mode, outcome=outcome)
    assert (is_doubted(opinion, incident()), is_confirmed(opinion)) == marks


def test_a_label_that_was_not_asked_about_is_doubted_by_nobody() -> None:
    assert is_doubted(DENIED, incident(labels=("gore.prob",)))
    assert not is_doubted(DENIED, incident(labels=("gore.prob", "gore.classes.skull")))


def test_a_callback_is_not_told_why_the_operators_endpoint_fails() -> None:
    failed = about(replace(LATE, outcome="error", detail="cannot connect: Connection refused"))
    told = [
        build_alert(failed, verdict(), identity="A", created=0.0, callback=callback).body["alert"]["second_opinion"]
        for callback in (False, True)
    ]
    assert [one["detail"] for one in told] == ["cannot connect: Connection refused", ""]

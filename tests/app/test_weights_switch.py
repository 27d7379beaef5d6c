"""At the moment of a switch every desk follows: judges, plans, labels that are not detected, thresholds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamwatch.app.assembly import WeightsView
from streamwatch.app.weights_switch import WeightsSwitch, tell_unbound
from streamwatch.errors import ConfigError
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.scores import WeightsName
from streamwatch.settings.load import Loaded, check_coverage
from tests.app.desk_room import DeskRoom, desk_room
from tests.decision.drive import scores
from tests.end_to_end.candidates import candidate
from tests.store.samples import Log

STREAM = '[[streams]]\nid = "cam"\nurl = "https://cdn.example.net/cam.m3u8"\n'


def others(room: DeskRoom, *, short_side: int = 224, enter: float = 0.6) -> WeightsView:
    """Weights like those of the room, by other thresholds."""
    own = room.weights
    defaults = {"gore.prob": enter}
    return WeightsView("other", short_side, {**own.coverage, "gore.classes.skull": "unsupported"}, defaults, "e" * 64)


async def switch(room: DeskRoom, view: WeightsView, text: str = STREAM) -> None:
    await room.roster.apply(room.load(text), lambda: room.weights.become(view))


async def test_judges_take_the_new_weights_and_their_thresholds(tmp_path: Path) -> None:
    async with desk_room(tmp_path, STREAM) as room:
        before = replace(room.weights)
        room.score("cam", gore_prob=0.95)
        await switch(room, others(room))
        watched = room.supervisor.streams["cam"]
        assert watched.last_values == {}, "a number of the old weights"
        assert [one.enter for one in watched.definition.thresholds] == [0.6]
        late = WeightsName(before.name, before.sha256)
        room.score("cam", gore_prob=0.95)
        assert not watched.judge.open_incidents, "one frame of each is no two of three"
        room.supervisor.on_result(scores(100.0, 0.95, weights=late))
        assert not watched.judge.open_incidents
        assert watched.frames_scored == 3, "looked at all the same"
        room.score("cam", gore_prob=0.65)
        (incident,) = watched.judge.open_incidents
        assert (incident.weights, incident.threshold) == ("other@" + "e" * 64, 0.6)


async def test_an_incident_goes_on_and_its_alerts_name_both(tmp_path: Path) -> None:
    async with desk_room(tmp_path, STREAM) as room:
        identity = room.open_incident("cam")
        opened_by = room.weights.identity
        await switch(room, others(room))
        assert [one.id for one in room.supervisor.streams["cam"].judge.open_incidents] == [identity]
        room.calm("cam")
        await room.recorded()
        ((weights, judged_by, reason),) = [
            row[-3:]
            for row in await room.store.run(
                lambda connection: connection.execute(
                    "SELECT weights, judged_by, close_reason FROM incidents"
                ).fetchall()
            )
        ]
        assert (weights, judged_by, reason) == (opened_by, "other@" + "e" * 64, "over")


@pytest.mark.parametrize(("short_side", "anew"), [(224, False), (384, True)])
async def test_streams_are_read_anew_only_for_pictures_of_another_size(
    tmp_path: Path, short_side: int, anew: bool
) -> None:
    async with desk_room(tmp_path, STREAM) as room:
        room.supervisor.tick()
        room.supervisor.tick()
        session = room.supervisor.streams["cam"].session
        await switch(room, others(room, short_side=short_side))
        room.supervisor.tick()
        assert room.plan("cam").short_side == short_side
        assert room.supervisor.streams["cam"].session == session + anew


async def test_what_is_not_detected_follows(tmp_path: Path) -> None:
    async with desk_room(tmp_path, STREAM) as room:
        assert "gore.classes.skull" not in room.views.not_detected
        await switch(room, others(room))
        assert "gore.classes.skull" in room.views.not_detected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", False),
        ('[thresholds]\n"gore.prob" = { cooldown = "5s" }\n', False),
        ('[thresholds]\n"gore.prob" = 0.7\n', True),
        ('[thresholds]\nweights = "starter"\n"gore.prob" = 0.7\n', False),
        (STREAM + "thresholds = { gore.prob = 0.7 }\n", True),
    ],
)
async def test_thresholds_that_hold_for_any_weights_are_mentioned(tmp_path: Path, text: str, told: bool) -> None:
    log = Log()
    async with desk_room(tmp_path, STREAM) as room:
        tell_unbound(room.load(text).settings, room.weights, log.logger.warning)
    found = log.events("config.thresholds_not_bound")
    assert bool(found) is told
    assert all('weights = "starter@' in one["mend"] for one in found)


class Unloaded:
    """A models' worker that is asked to load nothing."""

    def load_beside(self, *_: object, **__: object) -> Any:
        raise AssertionError("weights that are refused by their manifest are not loaded")


async def test_a_switch_that_would_blind_a_stream_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path / "models"))
    candidate(tmp_path / "models", "other", enter=0.6)
    async with desk_room(tmp_path, STREAM) as room:
        folder = find_weights("starter")
        switch = WeightsSwitch(
            folder,
            read_manifest(folder),
            room.weights,
            inference=Unloaded(),  # type: ignore[arg-type]
            load=lambda _: pytest.fail("loaded"),
            instruments=room.instruments,
            log=room.log.logger,
        )

        def against(view: WeightsView, text: str) -> Loaded:
            return check_coverage(room.load(text), view.coverage, view.defaults, view.name, strict=False)

        own = STREAM + "thresholds = { gore.classes.skull = 0.7 }\n"
        named = '[inference]\nweights = "other"\n' + own
        blind = others(room)
        with pytest.raises(ConfigError, match=r"streams\.cam\.thresholds.*do not detect gore\.classes\.skull"):
            await switch.prepare(against(blind, named))
        assert 'switches_total{outcome="refused"} 1.0' in room.series()
        assert await switch.prepare(against(blind, own)) is None, "no switch: the stream fails by itself"


async def test_streams_on_which_nothing_can_open_are_told(tmp_path: Path) -> None:
    """Weights may propose no thresholds: a fleet must not be scored for ever without anybody noticing."""
    async with desk_room(tmp_path, STREAM) as room:
        assert (room.roster.remarks(), room.log.events("config.no_thresholds")) == ([], [])
        await switch(room, replace(others(room), defaults={}))
        assert room.roster.remarks() == ["no incident can open on 1 of 1 streams: they have no threshold"]
        (told,) = room.log.events("config.no_thresholds")
        assert (told["weights"], told["streams"], told["first"]) == ("other", 1, "cam")
        await switch(room, replace(others(room), defaults={}), "[thresholds]\ngore.prob = 0.5\n" + STREAM)
        assert room.roster.remarks() == []
        await switch(room, others(room), STREAM + "thresholds = { gore.prob = false }\n")
        assert len(room.log.events("config.no_thresholds")) == 2
        await switch(room, replace(others(room), defaults={}), STREAM + "thresholds = { gore.prob = 0.5 }\n")
        assert room.roster.remarks() == []

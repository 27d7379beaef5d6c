"""Planned twins on posed bodies: no thing is so strained that another is taken, or that it looks wrong."""

import numpy as np
import pytest

_WHY = "belongs to the extra `rendered`, 0.7 GB that only the drawing of pictures needs"
pytest.importorskip("anny", reason=f"anny {_WHY}")
pytest.importorskip("mitsuba", reason=f"mitsuba {_WHY}")

# ruff: noqa: E402  (what follows imports both)
from training.rendered import harm
from training.rendered.actor import Actor
from training.rendered.body import load_body
from training.rendered.geometry import vector
from training.rendered.identity import make_identity
from training.rendered.series import Weapon
from training.rendered.stage import start_renderer
from training.rendered.stance import random_bearing
from training.rendered.template import Template
from training.rendered.twins import AIMS, HARMLESS, THINGS, Spot, Twin

_AIMED: dict[Spot, str] = {
    "head": "gun_temple", "throat": "blade_throat", "chest": "gun_chest", "arm": "blade_wrist",
}  # fmt: skip


@pytest.fixture(scope="module")
def template() -> Template:
    start_renderer()
    return Template(load_body())


@pytest.mark.parametrize(("spot", "name"), [(spot, name) for spot, table in THINGS.items() for name in table])
def test_every_planned_thing_comes_and_is_held_naturally(template: Template, spot: Spot, name: str) -> None:
    costs: list[float] = []
    for number in range(3):
        rng = np.random.default_rng([7, number])
        actor = Actor(template, make_identity(template, number, {}), number)
        bearing = random_bearing(rng, harm.SEATS[number % 2])
        weapon: Weapon = "gun" if spot in ("head", "chest") else "blade"
        cast = harm.make_cast(actor, bearing, weapon, "train", rng, seed=number, indoors=True)
        aim = harm.aimed(cast, _AIMED[spot], rng)
        plan = Twin(True, {spot: name}, {})
        # a pair takes the least strained of three
        twins = [harm.harmless(cast, weapon, aim, plan, rng, towards=vector(0, -2, 1.5), low=True) for _ in range(3)]
        assert {twin.situation for twin in twins} == {name}
        assert not any(twin.labels["self_harm"] for twin in twins)
        costs.append(min(twin.cost for twin in twins))
    assert np.median(costs) < 3.4, "the pair would be posed anew and again"


@pytest.mark.parametrize(("weapon", "name"), [(weapon, name) for weapon, table in AIMS.items() for name in table])
def test_every_planned_aim_is_held_naturally(template: Template, weapon: Weapon, name: str) -> None:
    costs: list[float] = []
    for number in range(3):
        rng = np.random.default_rng([8, number])
        cast = _cast(template, weapon, rng, number)
        takes = [harm.aimed(cast, name, rng) for _ in range(3)]
        assert all(take.situation == name and take.labels["self_harm"] for take in takes)
        costs.append(min(take.cost for take in takes))
    assert np.median(costs) < 3.4


@pytest.mark.parametrize(("weapon", "name"), [(weapon, name) for weapon, table in HARMLESS.items() for name in table])
def test_every_planned_use_without_intent_is_held_naturally(template: Template, weapon: Weapon, name: str) -> None:
    costs: list[float] = []
    for number in range(3):
        rng = np.random.default_rng([9, number])
        cast = _cast(template, weapon, rng, number)
        aim = harm.aimed(cast, {"gun": "gun_temple", "blade": "blade_throat"}[weapon], rng)
        plan, towards = Twin(False, {}, {weapon: (name,)}), vector(0, -2, 1.5)
        takes = [harm.harmless(cast, weapon, aim, plan, rng, towards=towards, low=True) for _ in range(3)]
        assert all(take.situation == name and not take.labels["self_harm"] for take in takes)
        costs.append(min(take.cost for take in takes))
    assert np.median(costs) < 3.4


def _cast(template: Template, weapon: Weapon, rng: np.random.Generator, number: int) -> harm.Cast:
    actor = Actor(template, make_identity(template, number, {}), number)
    bearing = random_bearing(rng, harm.SEATS[number % 2])
    return harm.make_cast(actor, bearing, weapon, "train", rng, seed=number, indoors=True)

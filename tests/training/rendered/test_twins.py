"""Twins of self-harm pictures: their plan reaches its shares, and each planned thing can be held where it belongs."""

from collections import Counter

import numpy as np
import pytest

from training.rendered.series import Weapon
from training.rendered.twins import AIMS, HARMLESS, OTHER_THING, THINGS, Spot, plan_aim, plan_twin, spot_of


@pytest.mark.parametrize("spot", ["head", "throat", "chest", "arm"])
def test_every_thing_is_planned_in_its_share(spot: Spot) -> None:
    plans = [plan_twin(np.random.default_rng([1, number])) for number in range(3000)]
    drawn = Counter(plan.things[spot] for plan in plans)
    whole = sum(THINGS[spot].values())
    for thing, chance in THINGS[spot].items():
        assert drawn[thing] / len(plans) == pytest.approx(chance / whole, abs=0.03)
    assert sum(plan.other for plan in plans) / len(plans) == pytest.approx(OTHER_THING, abs=0.03)


def test_what_is_held_at_heads_most_is_shown_most() -> None:
    head = THINGS["head"]
    whole = sum(head.values())
    assert head["phone_ear"] / whole > 0.2
    assert (head["hairdryer_side"] + head["hairdryer_top"]) / whole > 0.12
    assert min(head["microphone"], head["cup"]) / whole > 0.14


@pytest.mark.parametrize("weapon", ["gun", "blade"])
def test_weapons_aim_at_every_place_in_its_share(weapon: Weapon) -> None:
    drawn = Counter(plan_aim(weapon, np.random.default_rng([2, number])) for number in range(3000))
    whole = sum(AIMS[weapon].values())
    for name, chance in AIMS[weapon].items():
        assert drawn[name] / 3000 == pytest.approx(chance / whole, abs=0.03)


def test_guns_aim_at_temples_most_and_at_chests_in_a_fifth() -> None:
    whole = sum(AIMS["gun"].values())
    shares = {name: chance / whole for name, chance in AIMS["gun"].items()}
    assert shares == pytest.approx({
        "gun_temple": 0.3, "gun_chin": 0.2, "gun_chest": 0.2, "gun_mouth": 0.1, "gun_forehead": 0.1, "gun_ear": 0.1,
    })  # fmt: skip


@pytest.mark.parametrize("weapon", ["gun", "blade"])
def test_every_harmless_use_comes_first_in_its_share(weapon: Weapon) -> None:
    orders = [plan_twin(np.random.default_rng([3, number])).harmless[weapon] for number in range(3000)]
    assert all(sorted(order) == sorted(HARMLESS[weapon]) for order in orders)
    drawn = Counter(order[0] for order in orders)
    whole = sum(HARMLESS[weapon].values())
    for name, chance in HARMLESS[weapon].items():
        assert drawn[name] / 3000 == pytest.approx(chance / whole, abs=0.03)


def test_a_plan_depends_on_its_number_alone() -> None:
    assert plan_twin(np.random.default_rng(3)) == plan_twin(np.random.default_rng(3))
    assert plan_aim("gun", np.random.default_rng(3)) == plan_aim("gun", np.random.default_rng(3))


def test_a_twin_holds_its_thing_where_the_weapon_was() -> None:
    assert [spot_of(s) for s in ("gun_temple", "gun_chin", "gun_chest", "blade_throat", "blade_wrist")] == [
        "head", "head", "chest", "throat", "arm",
    ]  # fmt: skip

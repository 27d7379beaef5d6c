"""What names of icons and sprites say, and what they do not."""

import pytest

from training.freedoom import sprite_labels
from training.icon_names import icon_labels, icon_split


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("skull", "skull"),
        ("skull-and-crossbones", "skull"),
        ("anatomical-heart", "body_organ"),
        ("drop-of-blood", "slightly_bloody"),
        ("face-vomiting", "body_waste"),
        ("coffin", "other"),
        ("woman-zombie", "other"),
        ("adhesive-bandage", "superficial_injury"),
        ("open-wound", "serious_injury"),
        ("bladder-cancer", "body_organ"),
        ("lungs-with-right-side-spots", "body_organ"),
        ("person-vomiting", "body_waste"),
        ("laboratory-test-stool", "body_waste"),
        ("adhesive-plaster-2-bold", "superficial_injury"),
        ("frowning-face-with-head-bandage-in-circle", "superficial_injury"),
        ("halloween-tomb-filled", "other"),
    ],
)
def test_a_name_that_says_it_is_a_positive(name: str, label: str) -> None:
    labels = icon_labels(name)
    assert labels[label] == 1
    assert sum(labels.values()) == 1


@pytest.mark.parametrize("name", ["banana", "red-heart", "soccer-ball", "grinning-face"])
def test_a_plain_name_is_a_negative_of_everything(name: str) -> None:
    labels = icon_labels(name)
    assert labels
    assert not any(labels.values())


@pytest.mark.parametrize(
    "name", ["skull-rock", "tricorne-hat-with-skull", "prostate", "mounted-dispenser-with-poo-pile"]
)
def test_what_only_resembles_a_label_says_nothing(name: str) -> None:
    assert icon_labels(name) == {}


@pytest.mark.parametrize("name", ["animal-skull", "splat", "bleeding-eye-x-burn", "jack-o-halloween", "tarot-05"])
def test_a_doubtful_name_says_nothing_or_only_what_is_sure(name: str) -> None:
    labels = icon_labels(name)
    assert labels.get("skull") != 1
    assert "very_bloody" not in labels or labels["very_bloody"] == 0


def test_blood_of_unknown_amount_leaves_much_blood_unknown() -> None:
    assert "very_bloody" not in icon_labels("drop-of-blood")


def test_whole_sets_are_held_out() -> None:
    assert icon_split("openmoji") == icon_split("fa6-solid") == "test"
    assert icon_split("ri") == "calibrate"
    assert icon_split("noto") == icon_split("twemoji") == "train"


@pytest.mark.parametrize(
    ("sprite", "expected"),
    [
        ("PLAYA1", {"very_bloody": 0, "skull": 0}),
        ("PLAYN0", {"very_bloody": 1, "skull": 0}),
        ("POL6A0", {"very_bloody": 1}),
        ("BLUDA0", {"slightly_bloody": 1}),
        ("BSKUA0", {"skull": 1, "very_bloody": 0}),
        ("POL2A0", {"skull": 1}),
    ],
)
def test_a_sprite_says_what_it_shows(sprite: str, expected: dict[str, int]) -> None:
    labels = sprite_labels(sprite)
    assert {name: labels.get(name) for name in expected} == expected


def test_a_monster_says_nothing() -> None:
    assert sprite_labels("TROOA1") == {}

"""Every source has one version and one hash, and another file under its name is refused."""

import re
from pathlib import Path

import pytest

from training.avatars import STYLES
from training.crawl import _UNCLEAR, tile_labels
from training.download import Source, _check, source, sources
from training.icon_names import LICENCES, SPLIT_OF_SET, concept, icon_labels

FORBIDDEN = ("emojione", "fxemoji", "openarena", "croodles", "miniavs", "imagenet")


def test_every_source_is_pinned() -> None:
    names = [entry.name for entry in sources()]
    assert len(names) == len(set(names))
    for entry in sources():
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert entry.version
        assert not any(word in entry.name for word in FORBIDDEN)


def test_every_set_and_style_that_is_named_has_a_source() -> None:
    for name in SPLIT_OF_SET:
        assert source(f"@iconify-json/{name}").kind == "npm"
        assert name in LICENCES
    for style in STYLES:
        assert source(f"@dicebear/{style}").kind == "npm"


def test_what_may_not_be_given_on_freely_never_trains() -> None:
    assert all(SPLIT_OF_SET[name] != "train" for name, licence in LICENCES.items() if "SA" in licence)


def test_tiles_of_unclear_authors_are_left_out() -> None:
    unclear = _UNCLEAR.read_text().split()
    assert len(unclear) > 200
    assert all(name.endswith(".png") for name in unclear)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "art.tgz"
    file.write_bytes(b"something else")
    with pytest.raises(SystemExit, match="sha256"):
        _check(file, Source("npm", "art", "1.0", "0" * 64))


@pytest.mark.parametrize("name", ["skull-bold", "skull-duotone", "skull-remix", "skull-line-solid"])
def test_the_weights_of_one_icon_are_one_artwork(name: str) -> None:
    assert concept(name) == "skull"
    assert icon_labels(name)["skull"] == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mon/undead/skeletons/skeleton_humanoid_small.png", 1),
        ("mon/humanoids/goblin.png", 0),
        ("mon/undead/skeletons/skeleton_frog.png", None),
        ("mon/undead/zombies/zombie_human.png", None),
        ("item/weapon/artefact/urand_bloodbane.png", None),
    ],
)
def test_a_tile_says_what_it_shows(path: str, expected: int | None) -> None:
    assert tile_labels(path).get("skull") == expected

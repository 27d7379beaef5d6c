"""Where weights are looked for: the checkout first, then what the operator names."""

import shutil
from pathlib import Path

import pytest

from streamwatch.errors import WeightsError
from streamwatch.inference.manifest import find_weights, known_weights, read_manifest


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    found = [tmp_path / "a", tmp_path / "b", tmp_path / "not-there"]
    for place in found[:2]:
        place.mkdir()
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", ":".join(str(place) for place in found))
    return found


def test_every_folder_of_the_path_is_searched_in_order(places: list[Path]) -> None:
    for place in places[:2]:
        shutil.copytree(find_weights("starter"), place / "own")
    assert find_weights("own") == places[0] / "own"
    shutil.rmtree(places[0] / "own")
    assert find_weights("own") == places[1] / "own"


def test_what_ships_is_never_hidden(places: list[Path]) -> None:
    shipped = find_weights("starter")
    shutil.copytree(shipped, places[0] / "starter")
    assert find_weights("starter") == shipped


def test_a_half_made_folder_is_not_known(places: list[Path]) -> None:
    shutil.copytree(find_weights("starter"), places[0] / ".own.pull")
    (places[0] / "empty").mkdir()
    assert set(known_weights()) == {"starter"}


def test_a_path_names_weights_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(find_weights("starter"), tmp_path / "own")
    assert read_manifest(find_weights(str(tmp_path / "own"))).name == "starter"
    monkeypatch.chdir(tmp_path)
    assert find_weights("./own") == Path("own")
    with pytest.raises(WeightsError, match=r"no weights are named 'own'.*STREAMWATCH_WEIGHTS_PATH"):
        find_weights("own")

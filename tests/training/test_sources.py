"""Every source has one version and one hash, and another file under its name is refused."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from training import glyphs
from training.angband import SHEETS, figure_artworks
from training.avatars import STYLES
from training.crawl import _UNCLEAR, tile_labels
from training.download import Source, _check, fetch_deb, source, sources
from training.glyphs import FACES, RENDERED, glyph_artworks
from training.icon_names import LICENCES, SPLIT_OF_SET, concept, icon_labels
from training.iconify import IconSet

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
    assert not any("SA" in one.licence or "GPL" in one.licence for one in (*FACES, RENDERED, *SHEETS))


@pytest.mark.parametrize(
    "company", ["fa", "la", "icon-park", "lucide", "carbon", "iconoir", "pixelarticons", "feather"]
)
def test_no_set_of_a_company_of_the_test_trains(company: str) -> None:
    family = [name for name in SPLIT_OF_SET if re.fullmatch(rf"{company}\d?(-\w+)*", name)]
    assert all(SPLIT_OF_SET[name] == "test" for name in family)


def test_tiles_of_unclear_authors_are_left_out() -> None:
    unclear = _UNCLEAR.read_text().split()
    assert len(unclear) > 200
    assert all(name.endswith(".png") for name in unclear)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "art.tgz"
    file.write_bytes(b"something else")
    with pytest.raises(SystemExit, match="sha256"):
        _check(file, Source("npm", "art", "1.0", "0" * 64))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="Debian's packages are made and unpacked by dpkg")
def test_a_package_of_another_release_comes_from_its_place_in_an_archive(tmp_path: Path) -> None:
    package, folder = tmp_path / "package", tmp_path / "sources"
    for made in (package / "DEBIAN", package / "usr", folder):
        made.mkdir(parents=True)
    (package / "DEBIAN/control").write_text(
        "Package: art\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: art\n"
    )
    (package / "usr/picture").write_bytes(b"light")
    archive = tmp_path / "art_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(package), str(archive)], check=True, stdout=subprocess.DEVNULL)
    pinned = hashlib.sha256(archive.read_bytes()).hexdigest()
    archives = [f"{tmp_path.as_uri()}/elsewhere/", f"{tmp_path.as_uri()}/"]
    with pytest.raises(SystemExit, match="sha256"):
        fetch_deb(Source("deb", "art", "1", "0" * 64, archive.name), folder, archives)
    with pytest.raises(SystemExit, match=r"no archive .* has art_1_all\.deb"):
        fetch_deb(Source("deb", "art", "1", pinned, archive.name), folder, archives[:1])
    assert not (folder / "art").exists()
    fetch_deb(Source("deb", "art", "1", pinned, archive.name), folder, archives)
    assert (folder / "art/usr/picture").read_bytes() == b"light"
    assert (folder / "art/.sha256").read_text() == pinned


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


def package(folder: Path, name: str, files: dict[str, bytes]) -> None:
    with tarfile.open(folder / source(name).file, "w:gz") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_a_name_that_means_something_else_in_its_set_is_left_out(tmp_path: Path) -> None:
    icons = {"icons": {name: {"body": ""} for name in ("ghost", "ghost-character", "band-aid")}}
    package(tmp_path, "@iconify-json/gg", {"icons.json": json.dumps(icons).encode()})
    assert IconSet(tmp_path, "gg").names == ["ghost-character", "band-aid"]


def test_an_emoji_is_labelled_by_its_code_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"41": "skull", "42": "adhesive-bandage", "43": "poison", "1f480": "brain", "41-42": "lungs"}
    package(tmp_path, "@iconify-json/noto", {"chars.json": json.dumps(names).encode()})
    monkeypatch.setattr(glyphs, "_font", lambda *_: ImageFont.load_default(64))
    monkeypatch.setattr(glyphs, "RENDERED", glyphs.Face("none", "none", "", "", "test"))
    found = {artwork.name: artwork for artwork in glyph_artworks(tmp_path, "calibrate")}
    assert set(found) == {"skull", "adhesive-bandage"}, "unknown names, characters that it lacks and pairs stay out"
    assert found["skull"].labels["skull"] == 1
    pixels = np.asarray(found["skull"].load(colour="#c00000"))
    assert pixels[..., :3][pixels[..., 3] == 255].tolist()[0] == [192, 0, 0]


def test_a_rendered_emoji_is_labelled_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"26b0": "coffin", "1f480": "skull"}
    package(tmp_path, "@iconify-json/noto", {"chars.json": json.dumps(names).encode()})
    picture = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 200, 0, 255)).save(picture, "WEBP", lossless=True)
    package(tmp_path, RENDERED.source, {f"assets/{n}.webp": picture.getvalue() for n in ("26b0-fe0f", "1f600", "odd")})
    monkeypatch.setattr(glyphs, "FACES", ())
    (coffin,) = glyph_artworks(tmp_path, "train")
    assert (coffin.key, coffin.labels["other"], coffin.load().getpixel((0, 0))) == (
        "fluent-emoji-3d/coffin",
        1,
        (0, 200, 0, 255),
    )


def test_no_emoji_of_a_font_and_no_tile_of_angband_tests(tmp_path: Path) -> None:
    assert list(glyph_artworks(tmp_path, "test")) == []
    assert figure_artworks(tmp_path, "test") == figure_artworks(tmp_path, "calibrate") == []


def test_a_tile_of_angband_is_cut_from_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "angband-data/usr/share/angband/xtra/graf"
    folder.mkdir(parents=True)
    sheet = Image.new("RGBA", (128 * 32, 30 * 32), (0, 0, 0, 0))
    sheet.paste((255, 0, 0, 255), (30 * 32 + 4, 20 * 32 + 2, 30 * 32 + 20, 20 * 32 + 30))
    sheet.save(folder / "32x32.png")
    tiles = {artwork.key: artwork for artwork in figure_artworks(tmp_path, "train")}
    human = tiles["angband-gervais/20-30"]
    assert human.labels["skull"] == 1
    assert human.load().size == (16 * 5, 28 * 5)
    assert tiles["angband-gervais/11-4"].labels["skull"] == 0


def test_no_tile_is_both_bones_and_living() -> None:
    for sheet in SHEETS:
        bones, living = (
            {(row, column) for row, columns in of.items() for column in columns}
            for of in (sheet.skeletons, sheet.living)
        )
        assert bones
        assert not bones & living

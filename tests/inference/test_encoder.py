"""The encoder: strict loading, "same" padding, and folding that changes nothing."""

from pathlib import Path

import pytest
import torch
from torch import nn

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders import efficientnet_lite0 as module
from streamwatch.inference.encoders.efficientnet_lite0 import EfficientNetLite0, load_efficientnet_lite0, same_padding
from streamwatch.inference.manifest import find_weights, read_manifest


@pytest.fixture(scope="module")
def weights_file() -> Path:
    [file] = read_manifest(find_weights("starter")).encoder.files.values()
    return file.path


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.randn((2, 3, 224, 224), generator=torch.Generator().manual_seed(0))


def test_one_pass_gives_both_maps(weights_file: Path, noise: torch.Tensor) -> None:
    with torch.inference_mode():
        maps = load_efficientnet_lite0(weights_file)(noise)
    assert maps.last.shape == (2, module.LAST_CHANNELS, 7, 7)
    assert maps.middle.shape == (2, module.MIDDLE_CHANNELS, 14, 14)


def test_folding_leaves_no_normalisation_and_the_same_features(weights_file: Path, noise: torch.Tensor) -> None:
    encoder = load_efficientnet_lite0(weights_file)
    with torch.inference_mode():
        before = encoder(noise)
        after = encoder.fold()(noise)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())
    assert (before.last - after.last).abs().max() < 1e-3
    assert (before.middle - after.middle).abs().max() < 1e-3


def test_folding_twice_changes_nothing(weights_file: Path, noise: torch.Tensor) -> None:
    encoder = load_efficientnet_lite0(weights_file).fold()
    with torch.inference_mode():
        once, twice = encoder(noise), encoder.fold()(noise)
    assert torch.equal(once.last, twice.last)


def test_same_padding_is_not_symmetric() -> None:
    assert same_padding(224, 3, 2) == (0, 1)
    assert same_padding(112, 5, 2) == (1, 2)
    assert same_padding(7, 3, 1) == (1, 1)


def test_symmetric_padding_would_give_other_features(
    weights_file: Path, noise: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_efficientnet_lite0(weights_file).fold()
    with torch.inference_mode():
        right = encoder(noise).last
        monkeypatch.setattr(module, "same_padding", lambda length, kernel, stride: ((kernel - 1) // 2,) * 2)
        wrong = encoder(noise).last
    assert (right - wrong).abs().max() > 0.1


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_loading_is_strict(weights_file: Path, tmp_path: Path, change: str) -> None:
    tensors = torch.load(weights_file, weights_only=True)
    if change == "missing":
        del tensors["_blocks.3._bn1.weight"]
    elif change == "extra":
        tensors["_blocks.3._se_reduce.weight"] = torch.zeros(1)
    else:
        tensors["_conv_stem.weight"] = torch.zeros(32, 3, 5, 5)
    torch.save(tensors, tmp_path / "changed.pth")
    with pytest.raises(WeightsError, match=r"changed\.pth"):
        load_efficientnet_lite0(tmp_path / "changed.pth")


def test_a_file_that_is_no_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"empty\.pth"):
        load_efficientnet_lite0(tmp_path / "empty.pth")


def test_every_stage_of_the_published_network_is_there() -> None:
    parameters = sum(p.numel() for p in EfficientNetLite0().parameters())
    classifier = 1280 * 1000 + 1000
    assert parameters == 4_652_008 - classifier

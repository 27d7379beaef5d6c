"""The tail is the encoder's own end, it learns, and its overlay is what was learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.efficientnet_lite0 import Convolution, EfficientNetLite0, load_efficientnet_lite0
from streamwatch.inference.heads import Heads
from training.publish import encoder_file
from training.tune import Tail, TuneOptions, _filter, overlay, tune

COUNT = 12
LABELS = ("striped",)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    torch.manual_seed(0)
    plain = torch.rand(COUNT, 3, 1, 1).expand(-1, -1, 224, 224).clone()
    plain[::2, :, ::16] = 1.0
    return plain * 2 - 1


@pytest.fixture(scope="module")
def maps(pictures: torch.Tensor) -> Maps:
    with torch.inference_mode():
        found: Maps = encoder()(pictures)
    return found


def encoder() -> EfficientNetLite0:
    return load_efficientnet_lite0(encoder_file())


def test_the_untuned_tail_ends_in_the_encoders_own_map(maps: Maps) -> None:
    tail = Tail(encoder())
    with torch.inference_mode():
        assert torch.allclose(tail(tail.enter(maps.middle)), maps.last, atol=2e-3)


def test_the_gradient_of_the_filters_is_that_of_the_convolution() -> None:
    torch.manual_seed(0)
    layer = Convolution(24, 24, 5, groups=24)
    layer.fold()
    layer.requires_grad_(False)
    x = torch.randn(2, 7, 7, 24, requires_grad=True)
    [mine] = torch.autograd.grad(_filter(layer, x).square().sum(), x)
    [right] = torch.autograd.grad(layer(x.permute(0, 3, 1, 2)).square().sum(), x)
    assert torch.allclose(mine, right, atol=1e-4)


def test_tuning_learns_and_its_overlay_carries_it(maps: Maps, pictures: torch.Tensor, tmp_path: Path) -> None:
    known = (np.arange(COUNT) % 2 == 0).astype(np.float32)[:, None]
    base = encoder()
    heads = Heads(LABELS, base.spec)
    middle = maps.middle.numpy().astype(np.float16)
    tail = tune(encoder(), heads, middle, known, np.arange(COUNT), TuneOptions(epochs=6, batch=6))
    own = base.state_dict()
    for name, array in overlay(tail).items():
        assert array.dtype == np.float16
        own[name].copy_(torch.from_numpy(array.astype(np.float32)))
    with torch.inference_mode():
        tuned = base.eval()(pictures)
        assert not torch.allclose(tuned.last, maps.last, atol=0.05)
        assert torch.equal(tuned.middle, maps.middle)
        assert torch.allclose(tuned.last, tail(tail.enter(maps.middle)), atol=0.05)
        scores = heads(tuned)[:, 0].numpy()
    assert scores[::2].min() > scores[1::2].max()

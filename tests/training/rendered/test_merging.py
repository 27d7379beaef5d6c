"""Heads set beside trained ones: both say what they said alone."""

from pathlib import Path

import pytest
import torch

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.efficientnet_lite0 import spec_of
from streamwatch.inference.heads import Heads, load_trained_heads, save_heads
from training.rendered.merging import blank_beside, merged

SPEC = spec_of(64)


def some_maps() -> Maps:
    torch.manual_seed(2)
    return Maps(
        torch.rand(3, SPEC.last_channels, SPEC.last_grid, SPEC.last_grid),
        torch.rand(3, SPEC.middle_channels, SPEC.middle_grid, SPEC.middle_grid),
    )


def trained(heads: Heads, seed: int) -> Heads:
    torch.manual_seed(seed)
    for parameter in heads.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    heads.join = torch.rand(len(heads.labels), 3)
    return heads.eval()


@pytest.fixture
def base() -> Heads:
    heads = trained(Heads(("skull", "self_harm", "drawing"), SPEC), 0)
    heads.pooled_mean.uniform_(-1, 1)
    heads.last_scale.uniform_(0.5, 2)
    return heads


def test_every_label_says_what_it_said_alone(base: Heads, tmp_path: Path) -> None:
    added = trained(blank_beside(base, ("self_harm", "unconscious"), hidden=24), 1)
    both = merged(base, added)
    save_heads(both, tmp_path / "heads.npz")
    both = load_trained_heads(tmp_path / "heads.npz", SPEC)
    assert both.labels == ("skull", "drawing", "self_harm", "unconscious")
    assert both.hidden == base.hidden + 24
    with torch.inference_mode():
        alone = torch.cat([base(some_maps())[:, [0, 2]], added(some_maps())], dim=1)
        assert torch.allclose(both(some_maps()), alone, atol=1e-6)
    assert (alone - alone[0]).abs().max() > 1e-3, "the pictures are not told apart at all"


def test_heads_can_be_set_beside_merged_ones_again(base: Heads) -> None:
    first = merged(base, trained(blank_beside(base, ("self_harm",), hidden=8), 1))
    newer = trained(blank_beside(first, ("self_harm",), hidden=8), 2)
    again = merged(first, newer)
    with torch.inference_mode():
        assert torch.allclose(again(some_maps())[:, -1:], newer(some_maps()), atol=1e-6)
        assert torch.allclose(again(some_maps())[:, :2], base(some_maps())[:, [0, 2]], atol=1e-6)


def test_heads_that_see_the_maps_otherwise_are_refused(base: Heads) -> None:
    stranger = Heads(("self_harm",), SPEC, 8)
    with pytest.raises(ValueError, match="alike"):
        merged(base, stranger)

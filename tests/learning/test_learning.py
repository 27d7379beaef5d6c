"""The whole of learning on drawings of our own, in seconds: it learns, and what is unknown does not teach."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.inference.preprocess import squash
from streamwatch.learning.baseline import baseline_scores, colour_histograms
from streamwatch.learning.calibration import fit_join, joined
from streamwatch.learning.features import Features, encode, extract
from streamwatch.learning.fit import FitOptions, fit_heads, masked_loss, raw_logits
from streamwatch.learning.metrics import auc
from training.skulls import draw_skull
from training.twins import draw_twin

COUNT = 72
TRAIN, REST = np.arange(48), np.arange(48, COUNT)
LABELS = ("skull", "never_known")


@pytest.fixture(scope="module")
def images() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(3)
    pictures = []
    for i in range(COUNT):
        figure = draw_skull(rng, "a") if i % 2 else draw_twin(rng, "a")
        ground = np.full((240, 426, 3), rng.integers(60, 256, 3), np.uint8)
        drawn = np.asarray(figure.resize((220, 220)), np.float32)
        alpha = drawn[..., 3:] / 255
        ground[10:230, 100:320] = (ground[10:230, 100:320] * (1 - alpha) + drawn[..., :3] * alpha).astype(np.uint8)
        pictures.append(squash(ground, 224))
    return np.stack(pictures)


@pytest.fixture(scope="module")
def known() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    column = (np.arange(COUNT) % 2).astype(np.float32)
    return np.stack([column, np.full(COUNT, np.nan, np.float32)], axis=1)


@pytest.fixture(scope="module")
def features(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Features:
    encoder = load_encoder(read_manifest(find_weights("starter"))).fold()
    return extract(images, encoder, tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def heads(features: Features, known: np.ndarray) -> Heads:
    return fit_heads(features, known, TRAIN, LABELS, FitOptions(epochs=12, batch=16))


def test_features_are_those_of_the_encoder(
    features: Features,
    images: np.ndarray,
) -> None:
    encoder = load_encoder(read_manifest(find_weights("starter"))).fold()
    fresh = encode(encoder, images[:3])
    stored = features.maps(np.arange(3))
    assert torch.allclose(fresh.last, stored.last, atol=1e-2)
    assert torch.allclose(fresh.middle, stored.middle, atol=2e-2)


def test_both_heads_tell_unseen_skulls_from_unseen_twins(
    heads: Heads,
    features: Features,
    known: np.ndarray,
) -> None:
    truth = known[REST, 0] == 1
    for logits in raw_logits(heads, features, REST):
        assert auc(truth, logits[:, 0]) > 0.85


def test_an_unknown_label_teaches_nothing(features: Features, known: np.ndarray) -> None:
    torch.manual_seed(0)
    untouched = Heads(LABELS, features.spec).pooled_out.weight[1].detach().clone()
    still = FitOptions(epochs=1, batch=32, weight_decay=0.0, seed=0)
    fitted = fit_heads(features, known, TRAIN, LABELS, still)
    assert torch.equal(fitted.pooled_out.weight[1], untouched)
    assert not torch.equal(fitted.pooled_out.weight[0], untouched)


def test_unknown_rows_do_not_count_in_the_loss() -> None:
    logits = torch.tensor([[2.0], [-3.0]])
    both = masked_loss(logits, torch.tensor([[1.0], [torch.nan]]), torch.ones(1))
    one = masked_loss(logits[:1], torch.tensor([[1.0]]), torch.ones(1))
    assert torch.equal(both, one)


def test_nothing_known_is_no_loss() -> None:
    assert masked_loss(torch.ones(2, 1), torch.full((2, 1), torch.nan), torch.ones(1)) == 0


def test_fitting_twice_gives_the_same_heads(features: Features, known: np.ndarray) -> None:
    once, twice = (fit_heads(features, known, TRAIN, LABELS, FitOptions(epochs=1, batch=32)) for _ in range(2))
    assert torch.equal(once.dense_out.weight, twice.dense_out.weight)


def test_calibration_mends_overconfidence_and_keeps_the_order() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.05, 0.95, 2000)
    known = (rng.random(2000) < chance).astype(np.float32)[:, None]
    logits = (5 * np.log(chance / (1 - chance))).astype(np.float32)[:, None]
    join = fit_join(logits, logits, known)
    found = joined(logits, logits, join)[:, 0]
    assert np.abs(found - chance).mean() < 0.05
    assert (join[:, :2] >= 0).all()
    assert (np.diff(found[np.argsort(logits[:, 0])]) >= 0).all()


def test_calibration_leans_on_the_head_that_knows() -> None:
    rng = np.random.default_rng(1)
    known = rng.integers(0, 2, (500, 1)).astype(np.float32)
    good = (known * 4 - 2 + rng.normal(0, 1, (500, 1))).astype(np.float32)
    blind = rng.normal(0, 2, (500, 1)).astype(np.float32)
    slope_blind, slope_good, _ = fit_join(blind, good, known)[0]
    assert slope_good > 5 * slope_blind


def test_a_label_with_too_few_rows_keeps_the_plain_mean() -> None:
    known = np.array([[1.0]] * 3 + [[np.nan]] * 50, np.float32)
    logits = np.ones((53, 1), np.float32)
    assert fit_join(logits, logits, known)[0].tolist() == [0.5, 0.5, 0.0]


def test_the_baseline_sees_colour_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    red = np.zeros((40, 224, 224, 3), np.uint8)
    red[..., 0] = np.where(np.arange(40) % 2, 200, 20)[:, None, None]
    known = (np.arange(40) % 2).astype(np.float32)[:, None]
    shuffled = red.reshape(40, -1, 3)[:, rng.permutation(224 * 224)].reshape(red.shape)
    assert np.allclose(colour_histograms(red), colour_histograms(shuffled), atol=0.02)
    scores = baseline_scores(colour_histograms(red), known, np.arange(20))
    assert auc(known[20:, 0] == 1, scores[20:, 0]) == 1.0


def test_a_folder_of_features_can_be_opened_again(features: Features, tmp_path: Path) -> None:
    assert len(features) == COUNT
    assert features.pooled_of(np.array([0])).shape == (1, 2864)

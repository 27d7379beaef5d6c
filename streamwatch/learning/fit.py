"""Fits the heads: binary cross-entropy over what is known, unknown labels left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from streamwatch.inference.heads import Heads
from streamwatch.learning.features import Features, Progress, no_progress

Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How long and how hard to fit."""

    epochs: int = 12
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    seed: int = 0


def masked_loss(logits: torch.Tensor, known: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy where ``known`` is 0 or 1; NaN is unknown and neither pulls nor counts."""
    mask = ~torch.isnan(known)
    target = torch.where(mask, known, torch.zeros_like(known))
    loss = functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weight, reduction="none")
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def fit_heads(
    features: Features,
    known: Matrix,
    rows: Places,
    labels: Sequence[str],
    options: FitOptions,
    *,
    progress: Progress = no_progress,
) -> Heads:
    """Heads trained on some rows. ``known`` is (all rows, labels) with 1, 0 and NaN for unknown."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    heads = Heads(tuple(labels), features.spec)
    _standardise(heads, features, rows)
    weight = positive_weights(known[rows])
    optimiser = torch.optim.AdamW(heads.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    steps = options.epochs * -(-len(rows) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, total_steps=steps)
    heads.train()
    for _ in progress(range(options.epochs)):
        order = rng.permutation(rows)
        for start in range(0, len(order), options.batch):
            part = np.sort(order[start : start + options.batch])
            target = torch.from_numpy(known[part])
            whole = heads.pooled_logits(features.pooled_of(part))
            dense = heads.dense_logits(features.maps(part))
            loss = masked_loss(whole, target, weight) + masked_loss(dense, target, weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return heads.eval()


def raw_logits(heads: Heads, features: Features, rows: Places, batch: int = 128) -> tuple[Matrix, Matrix]:
    """(pooled, dense) logits of some rows, before they are joined."""
    whole, dense = [], []
    with torch.inference_mode():
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            whole.append(heads.pooled_logits(features.pooled_of(part)).numpy())
            dense.append(heads.dense_logits(features.maps(part)).numpy())
    return np.concatenate(whole), np.concatenate(dense)


def _standardise(heads: Heads, features: Features, rows: Places) -> None:
    pooled = features.pooled_of(np.sort(rows))
    sample = features.maps(np.sort(rows)[:: max(1, len(rows) // 500)])
    heads.pooled_mean = pooled.mean(0)
    heads.pooled_scale = 1 / (pooled.std(0) + 1e-2)
    heads.last_scale = 1 / (sample.last.std((0, 2, 3)) + 1e-2)
    heads.middle_scale = 1 / (sample.middle.std((0, 2, 3)) + 1e-2)


def positive_weights(known: Matrix) -> torch.Tensor:
    """Root of negatives per positive: rare labels pull harder, without drowning in false alarms."""
    positives, negatives = (known == 1).sum(0), (known == 0).sum(0)
    ratio = np.clip(negatives / np.maximum(positives, 1), 1, 30)
    return torch.from_numpy(np.sqrt(ratio).astype(np.float32))

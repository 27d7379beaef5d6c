"""Fits heads for rendered people beside trained ones: pictures alone, and pairs, whose positive shall score higher."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.heads import Heads
from streamwatch.learning.features import Features, Progress, no_progress
from streamwatch.learning.fit import Matrix, Places, masked_loss
from streamwatch.learning.rows import Row, label_matrix
from training.rendered.merging import averaged, blank_beside

LABELS: Final = ("self_harm", "unconscious", "serious_injury")


@dataclass(frozen=True, slots=True)
class PeopleOptions:
    """How long and how hard to fit."""

    epochs: int = 12
    pairs: int = 12
    """In a step."""
    others: int = 1600
    """Pictures of other material in an epoch, drawn anew for each."""
    hidden: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    pair_weight: float = 2.0
    dropout: float = 0.5
    seed: int = 0
    starts: int = 3
    """Random starts, whose mean is taken: one alone moves the twin test by several hundredths."""


@dataclass(frozen=True, slots=True)
class Side:
    """Pictures of one origin: what the encoder made of them, what is known, and which of them train."""

    features: Features
    known: Matrix
    """(all rows, LABELS) of 1, 0 and NaN."""
    rows: Places
    """Of people: a positive picture and its twin in turn."""


def other_known(rows: Sequence[Row]) -> Matrix:
    """What is known of pictures that show no rendered people: nobody harms themselves or lies unconscious in them.

    Drawn compositions say so themselves; where a corpse is drawn it is left open.
    """
    known = label_matrix(rows, LABELS)
    for i, row in enumerate(rows):
        known[i, LABELS.index("self_harm")] = row.labels.get("self_harm", 0)
        known[i, LABELS.index("unconscious")] = np.nan if row.labels.get("corpse") == 1 else 0
    return known


def fit_people(
    base: Heads,
    people: Side,
    others: Side,
    options: PeopleOptions,
    *,
    progress: Progress = no_progress,
) -> Heads:
    """Heads of LABELS that see the maps as ``base`` does, trained on pairs of people beside other pictures."""
    pairs, rows = people.rows.reshape(-1, 2), others.rows
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    heads = blank_beside(base, LABELS, options.hidden)
    heads.dropout.p = options.dropout
    weight = _weights(np.concatenate([people.known[people.rows], others.known[rows]]))
    steps = -(-len(pairs) // options.pairs)
    share = -(-min(options.others, len(rows)) // steps)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=steps * options.epochs, pct_start=0.2
    )
    heads.train()
    for _ in progress(range(options.epochs)):
        order, drawn = rng.permutation(pairs), _drawn(others.known, rows, options.others, rng)
        for step in range(steps):
            chosen = order[step * options.pairs : (step + 1) * options.pairs]
            beside = np.sort(drawn[step * share : (step + 1) * share])
            maps, pooled, known = _batch(people, chosen.T.ravel(), others, beside, flipped=bool(rng.random() < 0.5))
            whole, dense = heads.pooled_logits(pooled), heads.dense_logits(maps)
            loss = sum(
                masked_loss(logits, known, weight) + options.pair_weight * _order_loss(logits, known, len(chosen))
                for logits in (whole, dense)
            )
            assert isinstance(loss, torch.Tensor)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return heads.eval()


def fit_several(
    base: Heads, people: Side, others: Side, options: PeopleOptions, *, progress: Progress = no_progress
) -> Heads:
    """The mean of ``fit_people`` from several random starts."""
    starts = (replace(options, seed=options.seed + i) for i in range(options.starts))
    return averaged([fit_people(base, people, others, each, progress=progress) for each in starts])


def _drawn(known: Matrix, rows: Places, count: int, rng: np.random.Generator) -> Places:
    """Half of what knows positives, which are few, and anything else; shuffled."""
    rare = rows[(known[rows] == 1).any(axis=1)]
    some = rng.permutation(rare)[: len(rare) // 2]
    rest = rng.permutation(rows)[: max(0, count - len(some))]
    return rng.permutation(np.concatenate([some, rest]))


def _batch(
    people: Side, first: Places, others: Side, second: Places, *, flipped: bool
) -> tuple[Maps, torch.Tensor, torch.Tensor]:
    maps = [side.features.maps(rows) for side, rows in ((people, first), (others, second))]
    joined = Maps(*(torch.cat(parts) for parts in zip(*maps, strict=True)))
    if flipped:  # the encoder sees a mirrored picture nearly as the mirror of what it saw
        joined = Maps(joined.last.flip(3), joined.middle.flip(3))
    pooled = torch.cat([people.features.pooled_of(first), others.features.pooled_of(second)])
    known = np.concatenate([people.known[first], others.known[second]])
    return joined, pooled, torch.from_numpy(known)


def _order_loss(logits: torch.Tensor, known: torch.Tensor, pairs: int) -> torch.Tensor:
    """Small where the positive of a pair scores above its twin, for the labels that tell them apart."""
    apart = ((known[:pairs] == 1) & (known[pairs : 2 * pairs] == 0)).float()
    worse = functional.softplus(logits[pairs : 2 * pairs] - logits[:pairs])
    return (worse * apart).sum() / apart.sum().clamp(min=1)


def _weights(known: Matrix) -> torch.Tensor:
    positives, negatives = (known == 1).sum(0), (known == 0).sum(0)
    ratio = np.clip(negatives / np.maximum(positives, 1), 1, 30)
    return torch.from_numpy(np.sqrt(ratio).astype(np.float32))

"""Joins the two heads to one calibrated probability a label, on rows that neither trained nor test."""

import numpy as np
import torch
from torch.nn import functional

from streamwatch.learning.fit import Matrix

ENOUGH = 5  # positives and negatives; below, a label keeps the plain mean of both heads


def fit_join(whole: Matrix, dense: Matrix, known: Matrix) -> Matrix:
    """(labels, 3): a, b, c of sigmoid(a x pooled + b x dense + c), a and b never negative.

    So the probability never falls when a head's logit rises. A weak pull towards (0.5, 0.5, 0) keeps labels with few
    rows sane.
    """
    return np.stack([_one(whole[:, i], dense[:, i], known[:, i]) for i in range(known.shape[1])])


def joined(whole: Matrix, dense: Matrix, join: Matrix) -> Matrix:
    """Calibrated probabilities (rows, labels)."""
    logits = whole * join[:, 0] + dense * join[:, 1] + join[:, 2]
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def _one(whole: Matrix, dense: Matrix, known: Matrix) -> Matrix:
    mask = ~np.isnan(known)
    target = known[mask]
    plain = np.array([0.5, 0.5, 0.0], np.float32)
    if min((target == 1).sum(), (target == 0).sum()) < ENOUGH:
        return plain
    inputs = torch.from_numpy(np.stack([whole[mask], dense[mask]], 1))
    wanted = torch.from_numpy(target)
    start = torch.tensor([np.log(np.expm1(0.5))] * 2, dtype=torch.float32)  # softplus of it is 0.5
    slopes, offset = start.clone().requires_grad_(), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([slopes, offset], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = inputs @ functional.softplus(slopes) + offset
        pull = ((functional.softplus(slopes) - 0.5) ** 2).sum() + offset.square().sum() * 0.1
        loss = functional.binary_cross_entropy_with_logits(logits, wanted) + 0.01 * pull
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    a, b = functional.softplus(slopes).detach().numpy()
    return np.array([a, b, float(offset.detach())], np.float32)

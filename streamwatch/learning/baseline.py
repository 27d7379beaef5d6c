"""What colour alone can tell: a logistic regression on a colour histogram, the figure that heads must beat."""

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.learning.features import Progress, no_progress
from streamwatch.learning.fit import Matrix, Places, masked_loss
from streamwatch.records.frame import Pixels

_BINS = 6


def colour_histograms(images: Pixels, *, progress: Progress = no_progress) -> Matrix:
    """(n, 216): share of the picture in each of 6 x 6 x 6 colours, square root."""
    rows = np.empty((len(images), _BINS**3), np.float32)
    for i in progress(range(len(images))):
        cells = (images[i, ::2, ::2].astype(np.int64) * _BINS) >> 8
        flat = (cells[..., 0] * _BINS + cells[..., 1]) * _BINS + cells[..., 2]
        rows[i] = np.sqrt(np.bincount(flat.ravel(), minlength=_BINS**3) / flat.size)
    return rows


def baseline_scores(histograms: Matrix, known: Matrix, rows: Places, *, epochs: int = 200) -> npt.NDArray[np.float32]:
    """Scores (all rows, labels) of a regression fitted on ``rows``."""
    torch.manual_seed(0)
    inputs, target = torch.from_numpy(histograms), torch.from_numpy(known[rows])
    model = torch.nn.Linear(histograms.shape[1], known.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    weight = torch.ones(known.shape[1])
    for _ in range(epochs):
        loss = masked_loss(model(inputs[rows]), target, weight)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        scores: npt.NDArray[np.float32] = torch.sigmoid(model(inputs)).numpy()
    return scores

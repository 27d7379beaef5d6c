"""Puts labels on one scale of false alarms, so that one threshold means the same for each of them."""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Pair = tuple[float, float]

_TAIL = 0.02
_STEEPEST = 6.0
_FLATTEST = 0.25


def logits(probabilities: Scores) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)); a probability at an end is taken for one just inside."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    found: npt.NDArray[np.float64] = np.log(p / (1 - p))
    return found


def scaled(probabilities: Scores, pair: Pair) -> npt.NDArray[np.float32]:
    """sigmoid(a * logit(p) + b): the manifest's ``scale`` of one part."""
    found: npt.NDArray[np.float32] = (1 / (1 + np.exp(-(pair[0] * logits(probabilities) + pair[1])))).astype(np.float32)
    return found


def scale_of(harmless: Scores, half: float) -> Pair:
    """(a, b) of a label, from its probabilities on harmless pictures and the one that is to become 0.5.

    Above its two highest hundredths a score of harmless pictures falls off about exponentially; a is the inverse of
    its mean excess there. So on the scale each step of one in the logit leaves about a third (1/e) of the false alarms,
    whatever the label.
    """
    found = np.sort(logits(harmless))
    edge = found[int(len(found) * (1 - _TAIL))] if len(found) else 0.0
    excess = found[found > edge] - edge
    a = float(np.clip(1 / max(float(excess.mean()), 1e-6) if len(excess) else 1.0, _FLATTEST, _STEEPEST))
    return round(a, 4), round(-a * float(logits(np.array([half]))[0]), 4)

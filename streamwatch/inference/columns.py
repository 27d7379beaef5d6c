"""How heads become labels: which head each label reads, and what is joined from others."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from streamwatch.errors import WeightsError
from streamwatch.inference.manifest import Manifest
from streamwatch.records.labels import GORE_CLASSES, LABELS, MODEL_OF

Probabilities = npt.NDArray[np.float32]

HEAD_OF: Final[Mapping[str, str]] = {
    "self-harm.prob": "self_harm",
    **{f"gore.classes.{name}": name for name in GORE_CLASSES},
}
"""Label -> short name of its head. A head may bear the label's own dotted name instead."""
PROB_OF: Final[Mapping[str, str]] = {"self-harm": "self-harm.prob", "gore-2.0": "gore.prob"}
SHARE: Final = ".share"
"""Ends the name of a head that gives a type's part of its model's probability."""
_DRAWING: Final = "drawing"
_ALMOST: Final = 1e-6
"""Keeps the logit of a certain probability finite."""


class Columns:
    """Probabilities of the heads -> probabilities of the labels.

    ``gore.prob`` is the maximum of the labels that the manifest names as its parts (each put on one scale first, when
    the manifest has one), so it never falls when one of them rises. A type has a head of its own, or it is its model's
    ``prob`` times a share: that of the type among the types, or for ``animated`` the probability of a drawing.
    """

    def __init__(self, manifest: Manifest, heads: tuple[str, ...]) -> None:
        """Raises WeightsError when a label that the manifest calls supported has nothing to be made of."""
        self._heads = {name: i for i, name in enumerate(heads)}
        self._file = manifest.heads.path
        self._supported = {label for label in LABELS if manifest.labels[label].status != "unsupported"}
        self._direct: dict[str, int] = {}
        self._shares: dict[str, int] = {}
        for label in sorted(self._supported - {"gore.prob"}):
            self._place(label)
        parts = manifest.gore_parts or (("gore.prob",) if "gore.prob" in self._supported else ())
        self._parts = [self._head(label) for label in parts]
        self._scale = np.array(manifest.gore_scale, np.float32)

    def labels(self, heads: Probabilities) -> Probabilities:
        """(n, heads) -> (n, len(LABELS)) in the order of LABELS; unsupported exactly 0.0."""
        values = {label: heads[:, place] for label, place in self._direct.items()}
        if self._parts and "gore.prob" in self._supported:
            values["gore.prob"] = self._on_one_scale(heads[:, self._parts]).max(axis=1)
        for label, place in self._shares.items():
            values[label] = values[PROB_OF[MODEL_OF[label]]] * heads[:, place]
        blank = np.zeros(len(heads), np.float32)
        return np.stack([values.get(label, blank) for label in LABELS], axis=1)

    def _place(self, label: str) -> None:
        if ".type." not in label or label in self._heads:
            self._direct[label] = self._head(label)
            return
        share = f"{label}{SHARE}"
        if share not in self._heads and label.endswith(".animated"):
            share = _DRAWING
        if PROB_OF[MODEL_OF[label]] not in self._supported:
            raise WeightsError(f"{self._file}: {label} needs {PROB_OF[MODEL_OF[label]]}, which is unsupported")
        self._shares[label] = self._named(share)

    def _head(self, label: str) -> int:
        return self._named(label if label in self._heads else HEAD_OF.get(label, label))

    def _named(self, head: str) -> int:
        if head not in self._heads:
            raise WeightsError(f"{self._file}: has no head for {head!r}, which the manifest calls supported")
        return self._heads[head]

    def _on_one_scale(self, parts: Probabilities) -> Probabilities:
        if not len(self._scale):
            return parts
        sure = parts.clip(_ALMOST, 1 - _ALMOST)
        logits = np.log(sure) - np.log1p(-sure)
        scaled: Probabilities = 1 / (1 + np.exp(-(logits * self._scale[:, 0] + self._scale[:, 1])))
        return scaled.astype(np.float32)

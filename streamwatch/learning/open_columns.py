"""What weights say of every label that their heads can answer, of those too that their manifest calls unsupported."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from streamwatch.errors import WeightsError
from streamwatch.inference.columns import Columns
from streamwatch.inference.manifest import LabelCoverage, Manifest
from streamwatch.records.labels import LABELS

Matrix = npt.NDArray[np.float32]
_OPEN = LabelCoverage("proxy", "being measured")
_SHUT = LabelCoverage("unsupported", "being measured")


class OpenColumns:
    """Columns of the daemon, with no label held back: it answers 0.0 for unsupported ones, measuring needs the head."""

    def __init__(self, manifest: Manifest, heads: tuple[str, ...]) -> None:
        supported = {label for label, one in manifest.labels.items() if one.status != "unsupported"}
        labels = set(supported)
        for label in sorted(LABELS, key=lambda name: not name.endswith(".prob")):  # types need their model's prob
            if label not in labels and _answers(manifest, heads, labels | {label}):
                labels.add(label)
        self.labels = frozenset(labels)
        """Those that there is a head for."""
        self._columns = Columns(_opened(manifest, labels), heads)

    def scores(self, heads: Matrix) -> Mapping[str, Matrix]:
        """(n, heads) -> label -> its column; labels without a head are not there."""
        values = self._columns.labels(heads)
        return {label: values[:, place] for place, label in enumerate(LABELS) if label in self.labels}


def _answers(manifest: Manifest, heads: tuple[str, ...], labels: set[str]) -> bool:
    try:
        Columns(_opened(manifest, labels), heads)
    except WeightsError:
        return False
    return True


def _opened(manifest: Manifest, labels: set[str]) -> Manifest:
    coverage = {label: _OPEN if label in labels else _SHUT for label in LABELS}
    return replace(manifest, labels=MappingProxyType(coverage))

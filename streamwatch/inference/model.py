"""From pictures to the probabilities of both models, with one pass of the encoder for a batch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.encoder import Encoder, Maps, load_encoder
from streamwatch.inference.features import PictureFeatures
from streamwatch.inference.heads import Heads, load_heads
from streamwatch.inference.manifest import LabelCoverage, Manifest, check_file, find_weights, read_manifest
from streamwatch.inference.preprocess import normalise, to_tensor
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import GORE_CLASSES, LABELS, LABELS_OF, MODELS
from streamwatch.records.scores import WeightsName

__all__ = ["LabelCoverage", "ScoringModel", "StarterModel", "find_weights", "load_model"]

Probabilities = npt.NDArray[np.float32]

_HEAD_OF: Final[Mapping[str, str]] = {
    "self-harm.prob": "self_harm",
    **{f"gore.classes.{name}": name for name in GORE_CLASSES},
}
_DRAWING: Final = "drawing"
_PLACE: Final = {label: i for i, label in enumerate(LABELS)}


class ScoringModel(Protocol):
    """Implements both models. Called from one thread at a time."""

    weights: WeightsName
    short_side: int
    """Pixels that the short side of a frame should have."""
    coverage: Mapping[str, LabelCoverage]
    """Every label of records.labels.LABELS."""

    def prepare(self, pictures: Sequence[Pixels]) -> torch.Tensor:
        """uint8 RGB pictures of any sizes -> a CPU tensor, one row each. Needs no device; ValueError for no picture."""
        ...

    def forward(self, batch: torch.Tensor) -> Probabilities:
        """(n, len(LABELS)) in the order of LABELS, 0-1, unsupported exactly 0.0; both models from one encoder pass."""
        ...


class StarterModel:
    """EfficientNet-Lite0 with the starter heads.

    ``gore.prob`` is the maximum of the calibrated gore classes that the manifest names as its parts, so it never falls
    when one of them rises. ``gore.type.animated`` is ``gore.prob`` times the probability that the picture is a drawing.
    """

    def __init__(self, manifest: Manifest, encoder: Encoder, heads: Heads, device: torch.device) -> None:
        # Half precision is what CUDA is built for; on CPUs float32 is right everywhere.
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._device = device
        self._size = manifest.input_size
        self._encoder = encoder.fold().eval().to(device, self._dtype)
        self._encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._heads = heads.eval().to(device)
        self._parts = [heads.labels.index(_HEAD_OF[label]) for label in manifest.gore_parts]
        self._supported = {label for label, c in manifest.labels.items() if c.status != "unsupported"}
        self.weights = WeightsName(manifest.name, manifest.sha256)
        self.encoder_sha256 = manifest.encoder.sha256
        self.short_side = manifest.input_size
        self.coverage: Mapping[str, LabelCoverage] = manifest.labels

    @property
    def encoder(self) -> Encoder:
        """The folded encoder, for whoever counts its passes."""
        return self._encoder

    @property
    def device(self) -> torch.device:
        """Where batches are scored."""
        return self._device

    def prepare(self, pictures: Sequence[Pixels]) -> torch.Tensor:
        """See ScoringModel: uint8 (n, 3, 224, 224)."""
        return to_tensor(pictures, self._size)

    def forward(self, batch: torch.Tensor) -> Probabilities:
        """See ScoringModel."""
        return self._score(batch, MODELS)

    def forward_model(self, batch: torch.Tensor, model: str) -> Probabilities:
        """The labels of one model only, in the order of LABELS_OF[model], from an encoder pass of its own.

        This is what two separate models would cost; the daemon uses ``forward``.
        """
        columns = [_PLACE[label] for label in LABELS_OF[model]]
        return self._score(batch, (model,))[:, columns]

    def features(self, batch: torch.Tensor) -> list[PictureFeatures]:
        """See FeatureModel: half precision, as training stores them."""
        with torch.inference_mode():
            maps: Maps = self._encoder(normalise(batch.to(self._device), self._dtype))
            last, middle = (m.half().contiguous(memory_format=torch.contiguous_format).cpu().numpy() for m in maps)
        return [
            PictureFeatures(one, other, self.encoder_sha256, self.weights)
            for one, other in zip(last, middle, strict=True)
        ]

    def _score(self, batch: torch.Tensor, models: Sequence[str]) -> Probabilities:
        with torch.inference_mode():
            pixels = batch.to(self._device, non_blocking=True)
            maps: Maps = self._encoder(normalise(pixels, self._dtype))
            wanted = any(label in self._supported for model in models for label in LABELS_OF[model])
            scores = self._heads(maps).float().cpu().numpy() if wanted else None
        values = np.zeros((len(batch), len(LABELS)), np.float32)
        if scores is not None:
            for label, column in self._columns(scores).items():
                values[:, _PLACE[label]] = column
        return values

    def _columns(self, scores: Probabilities) -> dict[str, Probabilities]:
        """Supported label -> its column."""
        heads = self._heads.labels
        found = {label: scores[:, heads.index(_HEAD_OF[label])] for label in self._supported if label in _HEAD_OF}
        if self._parts:
            found["gore.prob"] = scores[:, self._parts].max(axis=1)
            found["gore.type.animated"] = found["gore.prob"] * scores[:, heads.index(_DRAWING)]
        return {label: column for label, column in found.items() if label in self._supported}


def load_model(folder: Path, *, device: str = "auto", threads: int | None = None) -> StarterModel:
    """The model of a folder of weights, every file checked against its hash.

    ``device`` is ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``. ``threads`` sets torch's CPU
    threads of this process. Raises WeightsError.
    """
    manifest = read_manifest(folder)
    chosen = _device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    heads = load_heads(check_file(manifest.heads))
    _check_heads(manifest, heads)
    return StarterModel(manifest, load_encoder(check_file(manifest.encoder)), heads, chosen)


def uses_gpu(device: str) -> bool:
    """Whether ``load_model`` would score on a GPU. Raises WeightsError for a device that is not there."""
    return _device(device).type == "cuda"


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise WeightsError(f"device {name!r} is not known. Use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise WeightsError(f"device {name!r} is not supported. Use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise WeightsError(f"device {name!r} is not there: {torch.cuda.device_count()} CUDA devices. Use auto or cpu")
    return device


def _check_heads(manifest: Manifest, heads: Heads) -> None:
    supported = [label for label, c in manifest.labels.items() if c.status != "unsupported"]
    needed = {_HEAD_OF[label] for label in supported if label in _HEAD_OF}
    if manifest.gore_parts:
        needed.add(_DRAWING)
    missing = sorted(needed - set(heads.labels))
    if missing:
        raise WeightsError(f"{manifest.heads.path}: has no head for {missing[0]!r}, which the manifest calls supported")

"""From pictures to the probabilities of both models, with one pass of the encoder for a batch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
import torch
from structlog.typing import FilteringBoundLogger

from streamwatch.errors import WeightsError
from streamwatch.inference.columns import Columns, Probabilities
from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.encoders.loading import encoder_spec, load_encoder
from streamwatch.inference.engines.base import Engine, EngineOptions
from streamwatch.inference.engines.choice import choose_engine
from streamwatch.inference.engines.torch_eager import TorchEngine
from streamwatch.inference.features import PictureFeatures
from streamwatch.inference.heads import load_heads
from streamwatch.inference.label_heads import LabelHeads
from streamwatch.inference.manifest import LabelCoverage, Manifest, check_file, find_weights, read_manifest
from streamwatch.inference.preprocess import to_tensor
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import LABELS, LABELS_OF, MODELS
from streamwatch.records.scores import WeightsName

__all__ = ["EncoderModel", "LabelCoverage", "ScoringModel", "find_weights", "load_model"]


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


class EncoderModel:
    """An encoder with the heads that stand on it; ``columns.Columns`` says how heads become labels.

    ``engine`` scores. Features come from plain torch, whatever scores: they are kept, and heads are trained on them.
    """

    def __init__(
        self,
        manifest: Manifest,
        encoder: Encoder,
        heads: LabelHeads,
        device: torch.device,
        engine: Engine | None = None,
    ) -> None:
        # Half precision is what CUDA is built for; on CPUs float32 is right everywhere.
        self._plain = TorchEngine(encoder, device, torch.float16 if device.type == "cuda" else torch.float32)
        self.engine = engine or self._plain
        self._device = device
        self._spec = encoder.spec
        self._columns = Columns(manifest, heads.labels)
        self._heads = heads.eval().to(device)
        self._supported = {label for label, c in manifest.labels.items() if c.status != "unsupported"}
        self.weights = WeightsName(manifest.name, manifest.sha256)
        self.encoder_sha256 = manifest.encoder_sha256
        self.short_side = manifest.input_size
        self.coverage: Mapping[str, LabelCoverage] = manifest.labels

    @property
    def encoder(self) -> Encoder:
        """The folded encoder of plain torch, for whoever counts its passes."""
        return self._plain.step.encoder

    @property
    def device(self) -> torch.device:
        """Where batches are scored."""
        return self._device

    def prepare(self, pictures: Sequence[Pixels]) -> torch.Tensor:
        """See ScoringModel: uint8 (n, 3, input_size, input_size)."""
        return to_tensor(pictures, self._spec.input_size, self._spec.resize)

    def forward(self, batch: torch.Tensor) -> Probabilities:
        """See ScoringModel."""
        return self._score(batch, MODELS)

    @property
    def head_labels(self) -> tuple[str, ...]:
        """The columns of ``raw``."""
        return self._heads.labels

    def raw(self, batch: torch.Tensor) -> Probabilities:
        """(n, heads): what the heads say, also for labels that the manifest calls unsupported. For measuring only."""
        with torch.inference_mode():
            heads: Probabilities = self._heads(self.engine(batch)).float().cpu().numpy()
        return heads

    def forward_model(self, batch: torch.Tensor, model: str) -> Probabilities:
        """The labels of one model only, in the order of LABELS_OF[model], from an encoder pass of its own.

        This is what two separate models would cost; the daemon uses ``forward``.
        """
        columns = [LABELS.index(label) for label in LABELS_OF[model]]
        return self._score(batch, (model,))[:, columns]

    def features(self, batch: torch.Tensor) -> list[PictureFeatures]:
        """See FeatureModel: half precision, as training stores them."""
        with torch.inference_mode():
            last, middle = (
                m.half().contiguous(memory_format=torch.contiguous_format).cpu().numpy() for m in self._plain(batch)
            )
        return [
            PictureFeatures(one, other, self.encoder_sha256, self.weights)
            for one, other in zip(last, middle, strict=True)
        ]

    def _score(self, batch: torch.Tensor, models: Sequence[str]) -> Probabilities:
        with torch.inference_mode():
            maps = self.engine(batch)
            wanted = any(label in self._supported for model in models for label in LABELS_OF[model])
            scores = self._heads(maps).float().cpu().numpy() if wanted else None
        if scores is None:
            return np.zeros((len(batch), len(LABELS)), np.float32)
        return self._columns.labels(scores)


def load_model(
    folder: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    engine: EngineOptions | None = None,
    log: FilteringBoundLogger | None = None,
) -> EncoderModel:
    """The model of a folder of weights, every file checked against its hash.

    ``device`` is ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``. ``threads`` sets torch's CPU
    threads of this process. ``engine`` None is plain torch in the device's own precision, as training and evaluation
    use it; otherwise the engine is chosen, and ``log`` hears why. Raises WeightsError.
    """
    manifest = read_manifest(folder)
    chosen = _device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    heads = load_heads(check_file(manifest.heads), encoder_spec(manifest))
    Columns(manifest, heads.labels)  # says what is missing before the large file is read
    encoder = load_encoder(manifest)
    if engine is None:
        return EncoderModel(manifest, encoder, heads, chosen)
    heads = heads.eval().to(chosen)
    log = log or structlog.get_logger()
    return EncoderModel(manifest, encoder, heads, chosen, choose_engine(encoder, chosen, heads, engine, log=log))


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

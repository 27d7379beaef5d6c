"""Prompts to vectors: the only use of SigLIP's text tower, once, when weights are made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import EncoderSpec
from streamwatch.inference.prompts import LabelPrompts
from streamwatch.inference.zero_shot import PromptVectors, Vectors, ZeroShotHeads, mean_vector

_BATCH: Final = 32
_LONGEST: Final = 64  # what the library takes where config.json says nothing


class TextTower:
    """Embeds texts as the library's own zero-shot classification does: padded to the length of its training."""

    def __init__(self, folder: Path) -> None:
        """Loads the whole checkpoint of a folder. Raises WeightsError."""
        try:
            from safetensors import SafetensorError  # noqa: PLC0415 - an extra
            from transformers import AutoTokenizer, SiglipModel  # noqa: PLC0415 - an extra, and slow to import
            from transformers.utils import logging  # noqa: PLC0415
        except ImportError as error:
            raise WeightsError("SigLIP weights need more packages. pip install 'streamwatch[siglip]'") from error
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model, told = SiglipModel.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError, SafetensorError) as error:
            raise WeightsError(f"{folder}: no text tower with its tokenizer ({type(error).__name__})") from error
        lacking = sorted({*told["missing_keys"], *(str(key) for key in told["mismatched_keys"])})
        if lacking:
            raise WeightsError(f"{folder}: the checkpoint has no fitting {lacking[0]!r}")
        self._model: Any = model.eval()
        self._longest = int(getattr(model.config.text_config, "max_position_embeddings", _LONGEST))

    @property
    def scale(self) -> float:
        """What cosines are multiplied with."""
        return float(self._model.logit_scale.detach().exp())

    @property
    def bias(self) -> float:
        """What is added to a scaled cosine."""
        return float(self._model.logit_bias.detach())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(texts, channels), not normalised. WeightsError for a text that is too long to be read whole."""
        lengths = [len(ids) for ids in self._tokenizer(list(texts))["input_ids"]]
        for text, length in zip(texts, lengths, strict=True):
            if length > self._longest:
                raise WeightsError(f"{text[:60]!r}... has {length} tokens, {self._longest} are read. Shorten it")
        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                part = list(texts[start : start + _BATCH])
                tokens = self._tokenizer(part, padding="max_length", max_length=self._longest, return_tensors="pt")
                rows.append(self._model.get_text_features(**tokens).pooler_output.float().numpy())
        return np.concatenate(rows)


def make_heads(
    tower: TextTower, labels: Sequence[LabelPrompts], spec: EncoderSpec, *, progress: Callable[[str], None]
) -> ZeroShotHeads:
    """Zero-shot heads of all labels; ``progress`` hears each head's name before its prompts are embedded."""
    vectors: dict[str, Vectors] = {}
    made = []
    for label in labels:
        progress(label.head)
        fresh = list(dict.fromkeys(prompt for prompt in label.all() if prompt not in vectors))
        if fresh:
            vectors |= dict(zip(fresh, tower.embed(fresh), strict=True))
        shown, *instead = (
            mean_vector(np.stack([vectors[prompt] for prompt in group]))
            for group in (label.shown, *label.instead.values())
        )
        made.append(PromptVectors(label.head, shown, np.stack(instead)))
    return ZeroShotHeads(made, spec, tower.scale, tower.bias)

"""Features of the tuned encoder from those of the published one: what both have in common is not computed twice."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.efficientnet_lite0 import EfficientNetLite0
from streamwatch.inference.heads import pooled
from streamwatch.learning.features import Features, Progress, load_features, no_progress, write_spec
from training.tune import ENTRY_CHANNELS, STAGE

_BATCH: Final = 32


def retuned(
    features: Features, encoder: EfficientNetLite0, folder: Path, *, progress: Progress = no_progress
) -> Features:
    """Writes and returns the features that the tuned and folded encoder gives, from where it begins to differ."""
    write_spec(encoder.spec, folder)
    last = np.lib.format.open_memmap(folder / "last.npy", mode="w+", dtype=np.float16, shape=features.last.shape)
    means = np.lib.format.open_memmap(folder / "pooled.npy", mode="w+", dtype=np.float16, shape=features.pooled.shape)
    with torch.inference_mode():
        for start in progress(range(0, len(features), _BATCH)):
            part = slice(start, start + _BATCH)
            middle = torch.from_numpy(np.array(features.middle[part])).float()
            x = middle[:, :ENTRY_CHANNELS]
            for stage in encoder.stages[STAGE:]:
                x = stage(x)
            maps = Maps(functional.relu6(encoder.head(x)), middle)
            last[part], means[part] = maps.last.numpy(), pooled(maps).numpy()
    last.flush()
    means.flush()
    link = folder / "middle.npy"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(str(features.middle.filename)).resolve())  # type: ignore[attr-defined]
    return load_features(folder)

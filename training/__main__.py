"""``python -m training build|features|train|evaluate|card|all``: from licensed sources to weights and card."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tqdm import tqdm

from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.encoders.efficientnet_lite0 import load_efficientnet_lite0, spec_of
from streamwatch.inference.heads import load_trained_heads, save_heads
from streamwatch.learning.calibration import fit_join
from streamwatch.learning.features import extract, load_features
from streamwatch.learning.fit import FitOptions, fit_heads, raw_logits
from streamwatch.learning.rows import label_matrix, read_rows, split_mask
from training.build import SIZE, build
from training.download import fetch_sources
from training.evaluate import Material, evaluate
from training.motion import build_motion
from training.plots import draw_plots
from training.publish import encoder_file, publish, write_card
from training.sample import write_figures, write_slice
from training.trials import LABELS

_ROOT: Final = Path(__file__).resolve().parent.parent
_STEPS: Final = ("build", "features", "train", "evaluate", "card")


class Workshop:
    """The cache folder and the steps that fill it, each from what the one before left there."""

    def __init__(self, cache: Path, weights: Path) -> None:
        self._sources, self._set, self._pans = cache / "sources", cache / "set", cache / "pans"
        self._heads, self._weights = cache / "heads.npz", weights

    def build(self) -> None:
        fetch_sources(self._sources)
        print(f"{build(self._sources, self._set)} pictures")
        print(f"{build_motion(self._sources, self._pans, SIZE)} frames of pans and zooms")
        write_slice(self._sources)

    def features(self) -> None:
        for folder in (self._set, self._pans):
            images = np.load(folder / "images.npy", mmap_mode="r")
            bar = partial(tqdm, desc=f"features of {folder.name}", mininterval=5)
            extract(images, self._encoder(), folder / "features", progress=bar)

    def train(self) -> None:
        made = _material(self._set)
        known = label_matrix(made.rows, LABELS)
        train, calibrate = (np.flatnonzero(split_mask(made.rows, split)) for split in ("train", "calibrate"))
        heads = fit_heads(made.features, known, train, LABELS, FitOptions(), progress=partial(tqdm, desc="epochs"))
        heads.join = torch.from_numpy(fit_join(*raw_logits(heads, made.features, calibrate), known[calibrate]))
        save_heads(heads, self._heads)

    def evaluate(self) -> None:
        heads = load_trained_heads(self._heads, spec_of(SIZE))
        found, scored = evaluate(_material(self._set), _material(self._pans), heads)
        publish(self._weights, self._weights.name, heads, found)
        draw_plots(self._weights, found, scored)
        write_figures(heads, self._encoder())
        for trial in found["trials"]:
            print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in trial.items()}))
        print(f"supported: {', '.join(found['supported'])}; threshold {found['threshold']}")
        print(f"pans and zooms: {found['motion']}")

    def card(self) -> None:
        write_card(self._weights)

    def _encoder(self) -> Encoder:
        return load_efficientnet_lite0(encoder_file(), SIZE).fold()


def _material(folder: Path) -> Material:
    images = np.load(folder / "images.npy", mmap_mode="r")
    return Material(images, read_rows(folder / "rows.jsonl"), load_features(folder / "features"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("step", choices=(*_STEPS, "all"))
    parser.add_argument("--cache", type=Path, default=_ROOT / ".cache" / "training", help="about 14 GB")
    parser.add_argument("--weights", type=Path, default=_ROOT / "models" / "starter")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    workshop = Workshop(arguments.cache, arguments.weights)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        getattr(workshop, step)()


if __name__ == "__main__":
    main()

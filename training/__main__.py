"""``python -m training build|features|train|evaluate|card|all``: from licensed sources to weights and card."""

import argparse
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tqdm import tqdm

from streamwatch.inference.arrays import write_arrays
from streamwatch.inference.encoders.efficientnet_lite0 import EfficientNetLite0, load_efficientnet_lite0, spec_of
from streamwatch.inference.heads import load_trained_heads
from streamwatch.inference.label_heads import save_heads
from streamwatch.learning.calibration import fit_join
from streamwatch.learning.features import Features, Progress, extract, load_features
from streamwatch.learning.fit import FitOptions, Matrix, fit_heads, raw_logits
from streamwatch.learning.rows import label_matrix, read_rows, split_mask
from training.build import SIZE, build
from training.download import fetch_sources
from training.engine import fast_engine
from training.evaluate import Material, evaluate
from training.motion import build_motion
from training.plots import draw_plots
from training.publish import TUNED_FILE, encoder_file, publish, tuned_encoder, write_card
from training.rendered.learn import learn
from training.sample import write_figures, write_slice
from training.trials import LABELS
from training.tune import TuneOptions, overlay, tune, tuning_rows
from training.tuned_features import retuned

_ROOT: Final = Path(__file__).resolve().parent.parent
_PUBLISHED: Final = "published"  # features of the encoder before anything is tuned
_STEPS: Final = ("build", "features", "train", "evaluate", "card")


class Workshop:
    """The cache folder and the steps that fill it, each from what the one before left there."""

    def __init__(self, cache: Path, weights: Path, jobs: int, people: list[Path]) -> None:
        self._sources, self._set, self._pans = cache / "sources", cache / "set", cache / "pans"
        self._heads, self._tuned, self._weights = cache / "heads.npz", cache / TUNED_FILE, weights
        self._cache, self._jobs, self._people = cache, jobs, people

    def build(self) -> None:
        fetch_sources(self._sources)
        print(f"{build(self._sources, self._set, jobs=self._jobs)} pictures")
        print(f"{build_motion(self._sources, self._pans, SIZE)} frames of pans and zooms")
        write_slice(self._sources)

    def features(self) -> None:
        images = np.load(self._set / "images.npy", mmap_mode="r")
        encoder = load_efficientnet_lite0(encoder_file(), SIZE).fold()
        extract(images, encoder, self._set / _PUBLISHED, engine=fast_engine(encoder), progress=_bar("features"))

    def train(self) -> None:
        made = _material(self._set, _PUBLISHED)
        known = label_matrix(made.rows, LABELS)
        train, calibrate = (np.flatnonzero(split_mask(made.rows, split)) for split in ("train", "calibrate"))
        features = self._tune(made, known)
        heads = fit_heads(features, known, train, LABELS, FitOptions(epochs=6), progress=_bar("epochs"))
        heads.join = torch.from_numpy(fit_join(*raw_logits(heads, features, calibrate), known[calibrate]))
        save_heads(heads, self._heads)
        images = np.load(self._pans / "images.npy", mmap_mode="r")
        encoder = self._encoder()
        extract(
            images, encoder, self._pans / "features", engine=fast_engine(encoder), progress=_bar("features of pans")
        )

    def _tune(self, made: Material, known: Matrix) -> Features:
        """Writes what is tuned of the encoder, and gives the features that come of it."""
        seen = tuning_rows(made.rows)
        heads = fit_heads(made.features, known, seen, LABELS, FitOptions(epochs=2), progress=_bar("first heads"))
        encoder = load_efficientnet_lite0(encoder_file(), SIZE)
        tail = tune(encoder, heads, made.features.middle, known, seen, TuneOptions(), progress=_bar("tuning"))
        write_arrays(overlay(tail), self._tuned)
        return retuned(made.features, self._encoder(), self._set / "features", progress=_bar("tuned features"))

    def evaluate(self) -> None:
        heads, encoder = load_trained_heads(self._heads, spec_of(SIZE)), self._encoder()
        found, scored = evaluate(_material(self._set, "features"), _material(self._pans, "features"), heads)
        found["tuned"] = True
        self._weights.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._tuned, self._weights / TUNED_FILE)
        publish(self._weights, self._weights.name, heads, found)
        draw_plots(self._weights, found, scored)
        write_figures(heads, encoder)
        for trial in found["trials"]:
            print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in trial.items()}))
        print(f"supported: {', '.join(found['supported'])}; threshold {found['threshold']}")
        print(f"pans and zooms: {found['motion']}")
        if self._people:
            learn(self._people, self._cache, self._weights)
        else:
            print(
                "without --rendered these weights have no heads for people: self-harm and unconscious are unsupported"
            )

    def card(self) -> None:
        write_card(self._weights)

    def _encoder(self) -> EfficientNetLite0:
        return tuned_encoder(self._tuned).fold()


def _bar(name: str) -> Progress:
    return partial(tqdm, desc=name, mininterval=5)


def _material(folder: Path, features: str) -> Material:
    images = np.load(folder / "images.npy", mmap_mode="r")
    return Material(images, read_rows(folder / "rows.jsonl"), load_features(folder / features))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("step", choices=(*_STEPS, "all"))
    parser.add_argument("--cache", type=Path, default=_ROOT / ".cache" / "training", help="about 25 GB")
    parser.add_argument("--weights", type=Path, default=_ROOT / "models" / "starter")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--jobs", type=int, default=1, help="of the build, at a time")
    parser.add_argument("--rendered", type=Path, nargs="+", default=[], help="folders of rendered people to learn from")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    workshop = Workshop(arguments.cache, arguments.weights, arguments.jobs, arguments.rendered)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        getattr(workshop, step)()


if __name__ == "__main__":
    main()

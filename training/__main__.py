"""``python -m training build|features|train|evaluate|card|all``: from licensed sources to weights and card."""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tqdm import tqdm

from streamwatch.inference.encoder import Encoder, load_encoder
from streamwatch.inference.heads import Heads, load_heads, save_heads
from streamwatch.learning.calibration import fit_join
from streamwatch.learning.features import extract, load_features
from streamwatch.learning.fit import FitOptions, fit_heads, raw_logits
from streamwatch.learning.rows import label_matrix, read_rows, split_mask
from training.build import build
from training.download import fetch_sources
from training.evaluate import evaluate
from training.publish import encoder_file, publish, write_card
from training.trials import LABELS

_ROOT: Final = Path(__file__).resolve().parent.parent
_STEPS: Final = ("build", "features", "train", "evaluate", "card")


class Workshop:
    """The cache folder and the steps that fill it, each from what the one before left there."""

    def __init__(self, cache: Path, weights: Path) -> None:
        self._sources, self._set, self._features = cache / "sources", cache / "set", cache / "features"
        self._heads, self._weights = cache / "heads.npz", weights

    def build(self) -> None:
        fetch_sources(self._sources)
        print(f"{build(self._sources, self._set)} pictures")

    def features(self) -> None:
        images = np.load(self._set / "images.npy", mmap_mode="r")
        extract(images, self._encoder(), self._features, progress=lambda s: tqdm(s, desc="features", mininterval=5))

    def train(self) -> None:
        rows, features = read_rows(self._set / "rows.jsonl"), load_features(self._features)
        known = label_matrix(rows, LABELS)
        train, calibrate = (np.flatnonzero(split_mask(rows, split)) for split in ("train", "calibrate"))
        bar = lambda s: tqdm(s, desc="epochs")  # noqa: E731
        heads = fit_heads(features, known, train, LABELS, FitOptions(), progress=bar)
        heads.join = torch.from_numpy(fit_join(*raw_logits(heads, features, calibrate), known[calibrate]))
        save_heads(heads, self._heads)

    def evaluate(self) -> None:
        images = np.load(self._set / "images.npy", mmap_mode="r")
        rows, heads = read_rows(self._set / "rows.jsonl"), self._trained()
        found = evaluate(
            images, rows, load_features(self._features), heads=heads, encoder=self._encoder(), sources=self._sources
        )
        publish(self._weights, self._weights.name, heads, found)
        for trial in found["trials"]:
            print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in trial.items()}))
        print(f"supported: {', '.join(found['supported'])}; threshold {found['threshold']}")

    def card(self) -> None:
        write_card(self._weights)

    def _encoder(self) -> Encoder:
        return load_encoder(encoder_file()).fold()

    def _trained(self) -> Heads:
        return load_heads(self._heads)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("step", choices=(*_STEPS, "all"))
    parser.add_argument("--cache", type=Path, default=_ROOT / ".cache" / "training", help="about 8 GB")
    parser.add_argument("--weights", type=Path, default=_ROOT / "models" / "starter")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    workshop = Workshop(arguments.cache, arguments.weights)
    for step in _STEPS if arguments.step == "all" else (arguments.step,):
        getattr(workshop, step)()


if __name__ == "__main__":
    main()

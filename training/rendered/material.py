"""Rendered folders as training material: whole pairs, squashed for the encoder, and a pin of what was used."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from streamwatch.inference.encoders.base import EncoderSpec
from streamwatch.inference.preprocess import squash
from streamwatch.learning.fit import Places
from streamwatch.learning.rows import Row
from streamwatch.records.frame import Pixels
from training.art import Split
from training.rendered.rows import facts_of, picture_file, row_of

Facts = dict[str, Any]


def _plain(seeds: Iterable[int]) -> Iterable[int]:
    return seeds


@dataclass(frozen=True, slots=True)
class People:
    """Pairs in the order of their numbers: row 2i is a positive picture, row 2i + 1 its twin."""

    facts: list[Facts]
    rows: list[Row]

    def pairs(self, *splits: Split, kinds: Sequence[str] = ()) -> npt.NDArray[np.intp]:
        """(n, 2) rows of the pairs of some splits, and of some kinds only where kinds are named."""
        found = [
            (i, i + 1)
            for i in range(0, len(self.facts), 2)
            if self.facts[i]["split"] in splits and (not kinds or self.facts[i]["kind"] in kinds)
        ]
        return np.array(found, np.intp).reshape(-1, 2)

    def of(self, *splits: Split) -> Places:
        """Rows of some splits."""
        return self.pairs(*splits).ravel()

    def pin(self) -> dict[str, Any]:
        """What identifies the set: the pictures themselves differ in the renderer's noise from machine to machine."""
        lines = "".join(json.dumps(fact, sort_keys=True) + "\n" for fact in self.facts)
        digest = hashlib.sha256(lines.encode()).hexdigest()
        return {"pictures": len(self.facts), "numbers": self._numbers(), "facts_sha256": digest}

    def _numbers(self) -> list[list[int]]:
        """[first, one past the last] of every stretch of the series: what ``--from`` and ``--to`` were."""
        stretches: list[list[int]] = []
        for fact in self.facts:
            if stretches and stretches[-1][1] == fact["seed"]:
                stretches[-1][1] += 1
            else:
                stretches.append([fact["seed"], fact["seed"] + 1])
        return stretches


def known_people(folders: Sequence[Path]) -> tuple[People, list[Path]]:
    """Every whole pair of the folders and each picture's file; of a number that stands in two folders the first."""
    found: dict[int, tuple[Facts, Path]] = {}
    for folder in folders:
        for fact in facts_of(folder):
            found.setdefault(fact["seed"], (fact, picture_file(folder, fact["seed"])))
    seeds = [s + i for s in sorted(found) if s % 2 == 0 and s + 1 in found for i in (0, 1)]
    facts = [found[seed][0] for seed in seeds]
    return People(facts, [row_of(fact) for fact in facts]), [found[seed][1] for seed in seeds]


def squashed(
    files: Sequence[Path], spec: EncoderSpec, progress: Callable[[Iterable[int]], Iterable[int]] = _plain
) -> Pixels:
    """(n, size, size, 3)."""
    images = np.empty((len(files), spec.input_size, spec.input_size, 3), np.uint8)
    for i in progress(range(len(files))):
        with Image.open(files[i]) as picture:
            images[i] = squash(np.asarray(picture.convert("RGB")), spec.input_size, spec.resize)
    return images

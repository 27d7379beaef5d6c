"""A small slice of the test's pairs that is committed, so that anyone can ask weights which of a pair is the positive.

Only pairs behind which no photograph stands that may not be passed on freely.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from streamwatch.inference.model import ScoringModel
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import LABELS
from training.rendered.rows import FACTS, facts_of, picture_file
from training.rendered.series import Kind

FOLDER: Final = Path(__file__).with_name("slice")
TWINS: Final = "twins.csv"
FIGURES: Final = "figures.json"
_EACH: Final[dict[Kind, int]] = {"gun": 6, "blade": 4, "unconscious": 4, "injury": 4}
_ASKED: Final[dict[Kind, dict[str, str]]] = {
    "gun": {"self_harm": "self-harm.prob"},
    "blade": {"self_harm": "self-harm.prob"},
    "unconscious": {"unconscious": "gore.classes.unconscious"},
    "injury": {
        "very_bloody": "gore.classes.very_bloody",
        "slightly_bloody": "gore.classes.slightly_bloody",
    },
}
"""Trained label -> label of the contract; the first that the positive picture has is the pair's."""
_NOT_FREE: Final = ("wallpapers", "backgrounds", "scikit")
_MOST: Final = 20_000  # bytes of a picture
_FACTS: Final = ("pair", "seed", "kind", "situation", "split", "labels", "body", "prop", "place", "backgrounds")

Pair = tuple[dict[str, Any], dict[str, Any]]


def write_slice(sets: Sequence[Path], folder: Path = FOLDER) -> int:
    """Copies pairs of rendered sets, smaller, with facts and a list of twins; returns how many pairs."""
    found = {fact["seed"]: (fact, at) for at in sets for fact in facts_of(at)}
    pairs = [(found[s][0], found[s + 1][0]) for s in sorted(found) if s % 2 == 0 and s + 1 in found]
    chosen = list(_chosen(pairs))
    folder.mkdir(exist_ok=True)
    lines = []
    with (folder / TWINS).open("w", encoding="utf-8", newline="") as file:
        twins = csv.writer(file, lineterminator="\n")
        twins.writerow(("positive", "negative", "label", "group"))
        for pair in chosen:
            label = _label(pair)
            twins.writerow((*(f"{fact['seed']:06d}.jpg" for fact in pair), label, f"body-{pair[0]['body']}"))
            for fact in pair:
                (folder / f"{fact['seed']:06d}.jpg").write_bytes(
                    _small(picture_file(found[fact["seed"]][1], fact["seed"]))
                )
                lines.append(json.dumps({name: fact[name] for name in _FACTS}) + "\n")
    (folder / FACTS).write_text("".join(lines), encoding="utf-8")
    return len(chosen)


def _chosen(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The first good pairs of each kind: other bodies and other situations each time."""
    bodies: set[int] = set()
    shown: Counter[str] = Counter()
    for kind, count in _EACH.items():
        taken = 0
        for pair in (p for p in pairs if p[0]["kind"] == kind and _good(p)):
            positive, negative = (fact["situation"] for fact in pair)
            if pair[0]["body"] in bodies or shown[positive] >= 2 or shown[f"not {negative}"]:
                continue
            bodies.add(pair[0]["body"])
            shown.update((positive, f"not {negative}"))
            yield pair
            taken += 1
            if taken == count:
                break


def _good(pair: Pair) -> bool:
    armed = pair[0]["kind"] in ("gun", "blade")
    return (
        pair[0]["split"] == "test"
        and max(fact["cost"] for fact in pair) < 4.5
        and (not armed or min(fact["prop_share"] for fact in pair) > 0.002)
        and not any(name in background for fact in pair for background in fact["backgrounds"] for name in _NOT_FREE)
        and _label(pair) != ""
    )


def _label(pair: Pair) -> str:
    names = _ASKED[pair[0]["kind"]].items()
    return next((label for trained, label in names if pair[0]["labels"][trained] > pair[1]["labels"][trained]), "")


def _small(file: Path) -> bytes:
    with Image.open(file) as picture:
        plain = picture.convert("RGB")
    for quality in range(82, 20, -6):
        buffer = io.BytesIO()
        plain.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= _MOST:
            break
    return buffer.getvalue()


def twins_of(folder: Path = FOLDER) -> list[tuple[str, str, str, str]]:
    """(positive file, negative file, label, group) of every pair of a slice."""
    with (folder / TWINS).open(encoding="utf-8", newline="") as file:
        return [(r["positive"], r["negative"], r["label"], r["group"]) for r in csv.DictReader(file)]


def pairs_right(
    score: Callable[[Sequence[Pixels]], Iterable[dict[str, float]]], folder: Path = FOLDER
) -> dict[str, tuple[int, int]]:
    """Label -> (pairs whose positive scores higher, pairs); ``score`` gives each picture's value by label."""
    counts: dict[str, tuple[int, int]] = {}
    for positive, negative, label, _ in twins_of(folder):
        pictures = [np.asarray(Image.open(folder / name).convert("RGB")) for name in (positive, negative)]
        high, low = (values[label] for values in score(pictures))
        right, of = counts.get(label, (0, 0))
        counts[label] = (right + (high > low), of + 1)
    return counts


def scorer(model: ScoringModel) -> Callable[[Sequence[Pixels]], list[dict[str, float]]]:
    """What ``pairs_right`` asks of weights."""

    def score(pictures: Sequence[Pixels]) -> list[dict[str, float]]:
        values = model.forward(model.prepare(pictures))
        return [dict(zip(LABELS, map(float, row), strict=True)) for row in values]

    return score


def write_figures(right: Mapping[str, tuple[int, int]], folder: Path = FOLDER) -> None:
    """What the shipped weights reach on the slice: later ones may not fall below."""
    (folder / FIGURES).write_text(json.dumps(right, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_figures(folder: Path = FOLDER) -> dict[str, tuple[int, int]]:
    """Label -> (pairs that were right, pairs)."""
    found = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    return {label: (int(right), int(of)) for label, (right, of) in found.items()}

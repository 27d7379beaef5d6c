"""A small slice of the test's drawings that is committed, so that anyone can recompute figures of the shipped heads.

Only sources that may be passed on under permissive terms; ``SOURCES.md`` beside the pictures names them.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from streamwatch.inference.encoders.base import Encoder
from streamwatch.inference.heads import Heads
from streamwatch.inference.preprocess import squash
from streamwatch.learning.features import encode
from streamwatch.learning.fit import Matrix
from streamwatch.learning.metrics import auc
from streamwatch.learning.rows import Row, label_matrix, read_rows, write_rows
from streamwatch.records.frame import Pixels
from training.compose import (
    Bench,
    blood_picture,
    cutout_picture,
    paint_picture,
    scene_picture,
    skull_picture,
    stain_picture,
    twin_picture,
)
from training.crawl import stains
from training.iconify import icon_artworks, recoloured

SIZE: Final = 224
FOLDER: Final = Path(__file__).with_name("slice")
_PICTURES: Final = "pictures.zip"
_EACH: Final = 36
_SEED: Final = 14
_SHARED: Final = ("Apache-2.0", "MIT", "ISC", "CC0-1.0", "CC-BY-4.0", "public domain")
MEASURED: Final = ("very_bloody", "skull", "body_organ")


def write_slice(sources: Path, folder: Path = FOLDER) -> None:
    """Draws and writes pictures and rows; no photograph lies under them, and the same sources give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = list(_samples(sources))
    with zipfile.ZipFile(folder / _PICTURES, "w", zipfile.ZIP_STORED) as archive:
        for number, (picture, _) in enumerate(samples):
            buffer = io.BytesIO()
            Image.fromarray(squash(picture, SIZE)).save(buffer, "WEBP", quality=70, method=4)
            archive.writestr(zipfile.ZipInfo(f"{number:03}.webp", (1980, 1, 1, 0, 0, 0)), buffer.getvalue())
    write_rows(folder / "rows.jsonl", [row for _, row in samples])
    named = sorted({(row.source, row.licence) for _, row in samples})
    lines = ["Held-out drawings on drawn backgrounds, made by `python -m training`.", "", "| source | licence |"]
    lines += ["|---|---|", *(f"| {source} | {licence} |" for source, licence in named)]
    (folder / "SOURCES.md").write_text("\n".join(lines) + "\n")


def _samples(sources: Path) -> Iterator[tuple[Pixels, Row]]:
    bench = Bench(np.random.default_rng(_SEED), "test", [], [])
    icons = [icon for icon in icon_artworks(sources, "test") if icon.licence in _SHARED]
    shown = [icon for icon in icons if icon.labels.get("skull") == 1 or icon.labels.get("body_organ") == 1]
    plain = [icon for icon in icons if not any(icon.labels.values())]
    for icon in (*shown[:60], *plain[:: max(1, len(plain) // 60)][:60]):
        yield cutout_picture(bench, icon, recoloured(icon, (17, 17, 17)))
    for stain in stains(sources)[:_EACH]:
        yield stain_picture(bench, stain, on_photo=False)
    for _ in range(_EACH):
        yield skull_picture(bench)
        yield blood_picture(bench, on_photo=False)
        yield paint_picture(bench, on_photo=False)
        yield twin_picture(bench)
        yield scene_picture(bench)


def measure_slice(heads: Heads, encoder: Encoder, folder: Path = FOLDER) -> dict[str, float]:
    """AUC of each measured label on the committed pictures."""
    rows = read_rows(folder / "rows.jsonl")
    with zipfile.ZipFile(folder / _PICTURES) as archive:
        names = sorted(archive.namelist())
        pictures = np.stack([np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in names])
    scores: list[Matrix] = [
        heads(encode(encoder, pictures[start : start + 16])).detach().numpy() for start in range(0, len(rows), 16)
    ]
    joined, truth = np.concatenate(scores), label_matrix(rows, heads.labels)
    found = {}
    for label in MEASURED:
        i = heads.labels.index(label)
        known = ~np.isnan(truth[:, i])
        found[label] = round(auc(truth[known, i] == 1, joined[known, i]), 4)
    return found


def write_figures(heads: Heads, encoder: Encoder, folder: Path = FOLDER) -> None:
    """What the shipped heads reach now: a later run may not fall below."""
    (folder / "figures.json").write_text(json.dumps(measure_slice(heads, encoder, folder), indent=1) + "\n")


def read_figures(folder: Path = FOLDER) -> dict[str, float]:
    """The figures that were reached."""
    found: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return {label: float(value) for label, value in found.items()}

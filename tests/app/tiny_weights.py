"""Weights on a small random SigLIP in the true file format, with heads from two prompts."""

from pathlib import Path

from streamwatch.inference.encoder_table import hash_file, read_encoder_table
from streamwatch.inference.encoders.siglip2 import CONFIG, PREPROCESSOR, WEIGHTS, spec_of
from streamwatch.inference.manifest import LabelCoverage
from streamwatch.inference.places import MANIFEST
from streamwatch.inference.prompts import LabelPrompts
from streamwatch.inference.publishing import write_weights
from streamwatch.inference.text_tower import TextTower, make_heads
from streamwatch.records.labels import LABELS
from tests.inference.tiny_siglip import write_siglip

_SEEN = ("gore.classes.skull", "gore.classes.very_bloody")


def write_tiny_siglip_weights(place: Path, name: str = "tiny-siglip") -> Path:
    """``place/name``: a folder that load_model loads."""
    folder = place / name
    texts = ["a skull", "blood on the floor", "a beach"]
    files = write_siglip(folder / "encoder", texts)
    spec = spec_of(files / CONFIG, files / PREPROCESSOR)
    prompts = [
        LabelPrompts("skull", (texts[0],), {"others": (texts[2],)}),
        LabelPrompts("very_bloody", (texts[1],), {"others": (texts[2],)}),
    ]
    table = {
        "architecture": "siglip2", "repository": "tests/tiny", "revision": "0" * 40, "licence": "Apache-2.0",
        "files": {one: hash_file(files / one) for one in (CONFIG, PREPROCESSOR, WEIGHTS)},
    }  # fmt: skip
    blind = LabelCoverage("unsupported", "no prompts")
    seen = LabelCoverage("proxy", "zero-shot from a prompt; unmeasured")
    write_weights(
        folder,
        name=name,
        licence="Apache-2.0",
        encoder=read_encoder_table(folder / MANIFEST, table),
        heads=make_heads(TextTower(files), prompts, spec, progress=lambda _: None),
        gore_parts=_SEEN,
        labels={label: seen if label in (*_SEEN, "gore.prob") else blind for label in LABELS},
    )
    return folder

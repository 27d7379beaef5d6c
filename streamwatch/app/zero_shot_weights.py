"""From an encoder's files and a file of prompts to weights: heads, manifest, card, and one picture as a check."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import FILES_FOLDER, read_encoder_table
from streamwatch.inference.encoders import siglip2
from streamwatch.inference.manifest import LabelCoverage, Manifest
from streamwatch.inference.model import load_model
from streamwatch.inference.places import MANIFEST
from streamwatch.inference.prompts import LabelPrompts, read_prompts
from streamwatch.inference.publishing import write_weights
from streamwatch.inference.sources import Source
from streamwatch.inference.text_tower import TextTower, make_heads
from streamwatch.records.labels import GORE_CLASSES, LABELS, MODEL_OF

PROMPTS_FILE: Final = "prompts.toml"
CARD_FILE: Final = "CARD.md"
UNMEASURED: Final = "UNMEASURED on any picture"
_PARTS: Final = tuple(f"gore.classes.{name}" for name in GORE_CLASSES)
_RUNTIME: Final = (siglip2.CONFIG, siglip2.PREPROCESSOR, siglip2.WEIGHTS)


def make_weights(
    folder: Path, source: Source, prompts_file: Path, *, checked: str, step: Callable[[str], None]
) -> dict[str, Any]:
    """Writes heads, manifest, prompts and card beside the encoder's files of ``folder``. What was made, as JSON.

    ``checked`` says in words who vouches for the files. Raises WeightsError.
    """
    prompts = read_prompts(prompts_file)
    files = folder / FILES_FOLDER
    spec = siglip2.spec_of(files / siglip2.CONFIG, files / siglip2.PREPROCESSOR)
    step("reading the text tower")
    tower = TextTower(files)
    heads = make_heads(tower, prompts, spec, progress=lambda head: step(f"embedding the prompts of {head}"))
    del tower  # 1 GB, before the image tower comes
    step("writing the weights")
    table = {
        "architecture": source.architecture,
        "repository": source.repository,
        "revision": source.revision,
        "licence": source.licence,
        "files": {name: source.files[name].sha256 for name in _RUNTIME},
    }
    manifest = write_weights(
        folder,
        name=source.name,
        licence=source.licence,
        encoder=read_encoder_table(folder / MANIFEST, table),
        heads=heads,
        gore_parts=_PARTS,
        labels={label: _coverage(label, prompts) for label in LABELS},
    )
    if prompts_file.resolve() != (folder / PROMPTS_FILE).resolve():
        shutil.copyfile(prompts_file, folder / PROMPTS_FILE)
    (folder / CARD_FILE).write_text(_card(manifest, source, prompts, checked), encoding="utf-8")
    step("loading them once")
    _try(folder, spec.input_size)
    return {
        "name": manifest.name,
        "sha256": manifest.sha256,
        "encoder": manifest.encoder.origin,
        "encoder_sha256": manifest.encoder_sha256,
        "licence": manifest.licence,
        "checked": checked,
        "labels": len(LABELS),
        "prompts": len({prompt for label in prompts for prompt in label.all()}),
        "measured": False,
    }


def _coverage(label: str, prompts: Sequence[LabelPrompts]) -> LabelCoverage:
    if label == "gore.prob":
        return LabelCoverage("proxy", f"the highest of the gore classes, each zero-shot from prompts; {UNMEASURED}")
    if ".type." in label:
        of = f"{MODEL_OF[label].removesuffix('-2.0')}.prob times its share among the types, zero-shot from prompts"
        return LabelCoverage("proxy", f"{of}; {UNMEASURED}")
    [own] = [one for one in prompts if one.head == label]
    of = f"zero-shot from {len(own.shown)} prompts against {len(own.instead)} contrasts"
    return LabelCoverage("proxy", f"{of}; {UNMEASURED}")


def _try(folder: Path, size: int) -> None:
    """Two pictures that are not alike must get numbers, and not the same ones."""
    model = load_model(folder, device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (size, size * 16 // 9, 3)).astype(np.uint8)
    values = model.forward(model.prepare([noise, np.zeros_like(noise)]))
    if not np.isfinite(values).all() or np.allclose(values[0], values[1], atol=1e-7):
        raise WeightsError(f"{folder}: the weights give the same numbers for any picture. They are not kept")


def _card(manifest: Manifest, source: Source, prompts: Sequence[LabelPrompts], checked: str) -> str:
    files = "\n".join(f"| `{name}` | {file.size} | `{file.sha256}` |" for name, file in sorted(source.files.items()))
    labels = "\n".join(f"| `{label}` | {one.status}, UNMEASURED | {one.of} |" for label, one in manifest.labels.items())
    shown = "\n".join(f"- `{one.head}`: {'; '.join(one.shown)}" for one in prompts)
    size = manifest.input_size
    return f"""# Weights `{manifest.name}`: card

**UNMEASURED.** Nobody has measured these weights on any picture, for none of their labels: neither how much they find
nor how often they are wrong. They propose no thresholds. Do not rely on them before you have measured them on your own
footage, with one command:

    streamwatch evaluate --weights {manifest.name} --data DIR

- Encoder: the image tower of [{source.repository}](https://huggingface.co/{source.repository}) at revision
  `{source.revision}`, {source.licence}, unchanged.
- Files: {checked}.
- Heads: made zero-shot from the prompts in `{PROMPTS_FILE}`, computed once by the encoder's text tower; nothing was
  trained. A label's probability is the softmax of its own prompts' score among its contrasts, with the encoder's own
  scale. It is no calibrated probability: 0.5 does not mean one in two.
- `gore.prob` is the maximum of the {len(manifest.gore_parts)} gore classes. A type is its model's `prob` times its
  share among `real`, `fake` and `animated`.
- Input: the whole picture squashed to {size} x {size} by the library's own filter, to the pixel.
- The text tower and its tokenizer lie in `{FILES_FOLDER}/` only to make heads of other prompts. The daemon reads
  {", ".join(f"`{name}`" for name in _RUNTIME)}, and of the last one the image tower alone.

## Files

| file | bytes | sha256 |
|---|---|---|
{files}

## Labels

| label | status | of what |
|---|---|---|
{labels}

## Prompts

What each label shows; `{PROMPTS_FILE}` has what it is told from. To change them, change a copy of that file and run
`streamwatch weights pull {manifest.name} --from FOLDER --prompts FILE --replace`, FOLDER being this one.

{shown}
"""

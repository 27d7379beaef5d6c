"""Weights made on the spot: the starter's encoder and heads under other names, with other scores and thresholds."""

import re
import shutil
from pathlib import Path

from streamwatch.inference.manifest import Manifest, find_weights, read_manifest


def candidate(folder: Path, name: str, *, enter: float, shift: float = 0.0) -> Manifest:
    """Weights in ``folder``/``name``: ``enter`` is proposed for gore.prob, whose logit is moved by ``shift``."""
    made = folder / name
    shutil.copytree(find_weights("starter"), made)
    manifest = made / "manifest.toml"
    text = manifest.read_text().replace('name = "starter"', f'name = "{name}"', 1)
    head, found, rest = text.partition('[labels."gore.prob"]')
    assert found
    rest, changed = re.subn(r"^enter = .*$", f"enter = {enter}", rest, count=1, flags=re.MULTILINE)
    assert changed == 1
    if shift:
        read = read_manifest(made)
        scale = [[a, b + shift] for a, b in read.gore_scale or [(1.0, 0.0)] * len(read.gore_parts)]
        head = re.sub(r"^scale = .*\n", "", head, flags=re.MULTILINE)
        head, changed = re.subn(r"^(parts = .*)$", rf"\1\nscale = {scale}", head, flags=re.MULTILINE)
        assert changed == 1
    manifest.write_text(head + found + rest)
    return read_manifest(made)


def spoil(folder: Path, name: str) -> None:
    """The heads are not those of the manifest any more."""
    with (folder / name / "heads.npz").open("ab") as heads:
        heads.write(b"x")

"""What a folder of weights holds: its files with their hashes, and what is known about every label."""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import EncoderTable, FileReference, check_file, read_encoder_table
from streamwatch.inference.places import MANIFEST, find_weights, known_weights
from streamwatch.records.labels import GORE_CLASSES, LABELS, Coverage

__all__ = ["FORMAT", "MANIFEST", "FileReference", "LabelCoverage", "Manifest", "check_file", "find_weights",
           "known_weights", "read_manifest"]  # fmt: skip

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """Whether a label's number is a finding."""

    status: Coverage
    """``measured`` on what the label means; ``proxy``: learnt and measured on something near; ``unsupported``: 0.0."""
    of: str
    """What was measured, or why there is nothing, in words."""
    enter: float | None = None
    """Recommended threshold, from a measured false-alarm figure; None where there is none."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Held-out figures by name, see the card."""

    @property
    def unmeasured(self) -> bool:
        """Answers, but nobody has measured how well: there is neither a figure nor a threshold."""
        return self.status == "proxy" and self.enter is None and not self.figures


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest: every label of the contract is there, every threshold is a probability."""

    name: str
    licence: str
    input_size: int
    encoder: EncoderTable
    heads: FileReference
    gore_parts: tuple[str, ...]
    """The supported labels whose maximum is ``gore.prob``: gore classes, or ``gore.prob`` for a head of its own."""
    gore_scale: tuple[tuple[float, float], ...]
    """(a, b) of each part: sigmoid(a * logit(p) + b), a > 0, is compared with the others. Empty: p itself."""
    labels: Mapping[str, LabelCoverage]
    sha256: str
    """Of the canonical content: encoder, heads, input size and how they are joined."""

    @property
    def encoder_sha256(self) -> str:
        """What features are bound to: the hash of the encoder's one file, or of the hashes of all its files."""
        return self.encoder.sha256

    @property
    def encoder_package(self) -> str:
        """Where the encoder comes from: ``package==version`` or ``repository@revision``."""
        return self.encoder.origin


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks ``manifest.toml``; no file it names is opened yet (see ``check_file``).

    Raises WeightsError that names the file, the key and how to mend it.
    """
    file = folder / MANIFEST
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: not found. A folder of weights holds a {MANIFEST}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"{file}: cannot be read as TOML: {error}") from error
    return _Reader(file, content).manifest()


class _Reader:
    """Turns parsed TOML into a Manifest; every fault names file and key."""

    def __init__(self, file: Path, content: Mapping[str, Any]) -> None:
        self._file = file
        self._content = content

    def manifest(self) -> Manifest:
        if self._content.get("format") != FORMAT:
            raise self._fault("format", f"must be {FORMAT}", "Use weights made for this version of streamwatch")
        encoder, heads = self._table("encoder"), self._table("heads")
        labels = self._labels()
        parts = self._gore_parts(labels)
        scale = self._gore_scale(len(parts))
        name, size = self._text(self._content, "", "name"), self._size()
        heads_sha256 = self._text(heads, "heads", "sha256")
        # Where an encoder's files lie makes no other weights of them.
        table = {key: value for key, value in encoder.items() if key != "weights"}
        canonical = {"name": name, "size": size, "encoder": table, "heads": heads_sha256, "gore": parts}
        canonical["unsupported"] = [label for label in LABELS if labels[label].status == "unsupported"]
        if scale:
            canonical["scale"] = scale
        return Manifest(
            name=name,
            licence=self._text(self._content, "", "licence"),
            input_size=size,
            encoder=read_encoder_table(self._file, encoder),
            heads=FileReference(self._heads_path(heads), heads_sha256),
            gore_parts=parts,
            gore_scale=scale,
            labels=MappingProxyType(labels),
            sha256=hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest(),
        )

    def _labels(self) -> dict[str, LabelCoverage]:
        table = self._table("labels")
        unknown = sorted(set(table) - set(LABELS))
        if unknown:
            raise self._fault(f"labels.{unknown[0]!r}", "is no label of the two models", "Remove it")
        missing = [label for label in LABELS if label not in table]
        if missing:
            raise self._fault(f"labels.{missing[0]!r}", "is missing", "State it, if only as unsupported")
        return {label: self._label(label, table[label]) for label in LABELS}

    def _label(self, label: str, entry: Any) -> LabelCoverage:
        key = f"labels.{label!r}"
        if not isinstance(entry, dict) or entry.get("status") not in get_args(Coverage):
            raise self._fault(key, f"status must be one of {', '.join(get_args(Coverage))}", "State what is known")
        enter = entry.get("enter")
        if enter is not None and not (isinstance(enter, float | int) and 0 < enter <= 1):
            raise self._fault(f"{key}.enter", "must be above 0 and at most 1", "It is a probability")
        if enter is not None and entry["status"] == "unsupported":
            raise self._fault(f"{key}.enter", "has no meaning for an unsupported label", "Remove it")
        figures = {str(k): float(v) for k, v in entry.get("figures", {}).items()}
        of = self._text(entry, key, "of")
        return LabelCoverage(entry["status"], of, None if enter is None else float(enter), MappingProxyType(figures))

    def _gore_parts(self, labels: Mapping[str, LabelCoverage]) -> tuple[str, ...]:
        parts = self._table("gore").get("parts")
        named = ("gore.prob", *(f"gore.classes.{name}" for name in GORE_CLASSES))
        allowed = {label for label in named if labels[label].status != "unsupported"}
        if not isinstance(parts, list) or not set(parts) <= allowed:
            raise self._fault(
                "gore.parts", "must list supported gore classes", f"Choose from {', '.join(sorted(allowed))}"
            )
        return tuple(parts)

    def _gore_scale(self, parts: int) -> tuple[tuple[float, float], ...]:
        scale = self._table("gore").get("scale", [])
        if not isinstance(scale, list) or (scale and len(scale) != parts) or not all(_is_scale(one) for one in scale):
            raise self._fault("gore.scale", "must be one [a, b] with a above 0 for each part", "Remove it, or mend it")
        return tuple((float(a), float(b)) for a, b in scale)

    def _heads_path(self, heads: Mapping[str, Any]) -> Path:
        name = self._text(heads, "heads", "file")
        if Path(name).name != name:
            raise self._fault("heads.file", "must be a file name", "The heads lie beside the manifest")
        return self._file.parent / name

    def _size(self) -> int:
        size = self._content.get("input_size")
        if not isinstance(size, int) or not 32 <= size <= 1024:
            raise self._fault("input_size", "must be between 32 and 1024", "It is the encoder's")
        return size

    def _table(self, key: str) -> Mapping[str, Any]:
        table = self._content.get(key)
        if not isinstance(table, dict):
            raise self._fault(f"[{key}]", "is missing", "See models/starter for a complete manifest")
        return table

    def _text(self, table: Mapping[str, Any], where: str, key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            raise self._fault(
                f"{where}.{key}".lstrip("."), "must be a text", "See models/starter for a complete manifest"
            )
        return value

    def _fault(self, key: str, problem: str, mend: str) -> WeightsError:
        return WeightsError(f"{self._file}: {key} {problem}. {mend}")


def _is_scale(pair: object) -> bool:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, float | int) for one in pair):
        return False
    return math.isfinite(pair[0]) and math.isfinite(pair[1]) and pair[0] > 0

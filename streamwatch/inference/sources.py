"""Which weights can be pulled: where their encoder's files lie, and the hashes that these must have."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streamwatch.errors import WeightsError

_CATALOGUE: Final = Path(__file__).with_name("catalogue")


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file of a repository, and what is known of its bytes."""

    name: str
    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None
    """What a hub gives for small files: the sha1 of git's blob."""


@dataclass(frozen=True, slots=True)
class Source:
    """Weights by name: an encoder at a fixed revision of a repository, and the prompts of its heads."""

    name: str
    repository: str
    revision: str
    """Full commit hash; the files' hashes are of this one."""
    architecture: str
    licence: str
    files: Mapping[str, ExpectedFile]
    prompts: Path


def known_sources() -> dict[str, Source]:
    """Every set of weights that can be pulled, by name."""
    return {file.parent.name: _read(file) for file in sorted(_CATALOGUE.glob("*/source.toml"))}


def find_source(name: str) -> Source:
    """The named one. Raises WeightsError with the known names."""
    known = known_sources()
    if name not in known:
        raise WeightsError(f"no weights named {name!r} can be pulled. Known: {', '.join(known)}")
    return known[name]


def _read(file: Path) -> Source:
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    files = {name: ExpectedFile(name, one["size"], one["sha256"]) for name, one in content["files"].items()}
    return Source(
        name=file.parent.name,
        repository=content["repository"],
        revision=content["revision"],
        architecture=content["architecture"],
        licence=content["licence"],
        files=files,
        prompts=file.with_name("prompts.toml"),
    )

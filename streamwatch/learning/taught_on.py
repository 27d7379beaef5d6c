"""What weights were taught on, kept beside them, so that nobody measures them by it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.learning.samples import Sample

TRAINED_ON: Final = "trained_on.json"
"""In a folder of weights."""


@dataclass(frozen=True, slots=True)
class TaughtOn:
    """Digests of files, and of the names of groups: names of people are nobody's business here."""

    files: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """Those that heads are trained and calibrated on."""
        seen = list(samples)
        return cls(
            frozenset(sample.digest for sample in seen if sample.digest),
            frozenset(_digest(sample.group) for sample in seen if _is_named(sample)),
        )

    def knows(self, sample: Sample) -> bool:
        """Whether the weights learnt from this file or from another one of its group."""
        return sample.digest in self.files or (_is_named(sample) and _digest(sample.group) in self.groups)

    def as_json(self) -> str:
        """The same for the same samples."""
        return json.dumps({"digests": sorted(self.files), "groups": sorted(self.groups)})


def read_taught_on(folder: Path) -> TaughtOn:
    """Of a folder of weights; nothing where nothing is known. Raises ConfigError for a file that is damaged."""
    file = folder / TRAINED_ON
    try:
        found: dict[str, list[str]] = json.loads(file.read_text())
        return TaughtOn(frozenset(found["digests"]), frozenset(found.get("groups", ())))
    except FileNotFoundError:
        return TaughtOn()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fault = ConfigFault(str(file), "digests", "cannot be read", "Restore it, or train anew")
        raise ConfigError([fault]) from error


def _is_named(sample: Sample) -> bool:
    """A group that is called by its file says nothing about files of that name in other folders."""
    return bool(sample.digest) and sample.group != sample.name


def _digest(name: str) -> str:
    return hashlib.sha256(f"group {name}".encode()).hexdigest()[:32]

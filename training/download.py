"""Fetches the licensed sources once, through npm and apt, into the cache folder, and checks every one's hash."""

import hashlib
import json
import subprocess
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from tqdm import tqdm

_LOCK: Final = Path(__file__).with_name("sources.json")
_EXTRACTED: Final = ".sha256"  # written last into an unpacked package: what is there is whole


@dataclass(frozen=True, slots=True)
class Source:
    """A package as it was when the set was made; anything else is refused."""

    kind: Literal["npm", "deb", "url"]
    name: str
    version: str
    sha256: str
    url: str = ""

    @property
    def file(self) -> str:
        """What lies in the cache folder: a tarball, or for a Debian package the folder that it was unpacked to."""
        if self.kind == "deb":
            return self.name
        return tarball_name(self.name, self.version) if self.kind == "npm" else self.url.rsplit("/", 1)[-1]


@cache
def sources() -> tuple[Source, ...]:
    """Every source, in the order of the lock file."""
    entries: list[dict[str, Any]] = json.loads(_LOCK.read_text())
    return tuple(Source(**entry) for entry in entries)


@cache
def source(name: str) -> Source:
    """The source of this name; KeyError when the lock file has none."""
    return {entry.name: entry for entry in sources()}[name]


def fetch_sources(folder: Path) -> None:
    """Brings every source into ``folder``; what is there already is kept. SystemExit names a file that is another."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in tqdm(sources(), desc="sources", unit="package"):
        if entry.kind == "deb":
            _fetch_deb(entry, folder)
            continue
        target = folder / entry.file
        if not target.exists():
            if entry.kind == "npm":
                _run(["npm", "pack", f"{entry.name}@{entry.version}", "--silent"], folder)
            else:
                _get(entry.url, target)
        _check(target, entry)


def tarball(folder: Path, name: str) -> Path:
    """Where the tarball of a source lies."""
    return folder / source(name).file


def tarball_name(package: str, version: str) -> str:
    """The file that ``npm pack`` writes for a package."""
    return f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"


def _fetch_deb(entry: Source, folder: Path) -> None:
    marker = folder / entry.name / _EXTRACTED
    if marker.exists() and marker.read_text() == entry.sha256:
        return
    _run(["apt-get", "download", f"{entry.name}={entry.version}"], folder)
    archive = next(folder.glob(f"{entry.name}_*.deb"))
    _check(archive, entry)
    _run(["dpkg", "-x", archive.name, entry.name], folder)
    archive.unlink()
    marker.write_text(entry.sha256)


def _check(file: Path, entry: Source) -> None:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != entry.sha256:
        raise SystemExit(f"{file}: its sha256 is {found}, {_LOCK.name} says {entry.sha256}. Delete it and fetch again")


def _get(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=300) as answer:  # an address of the lock file
        target.write_bytes(answer.read())


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=900, stdout=subprocess.DEVNULL)

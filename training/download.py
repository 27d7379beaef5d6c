"""Fetches the licensed sources once, through npm and apt, into the cache folder, and checks every one's hash."""

import hashlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
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

    kind: Literal["npm", "deb", "pool"]
    name: str
    version: str
    sha256: str
    pool: str = ""
    """Where it lies in an archive of Debian, for what the machine's own release does not list."""

    @property
    def file(self) -> str:
        """What lies in the cache folder: a tarball, or for a Debian package the folder that it was unpacked to."""
        if self.kind == "deb":
            return self.name
        return tarball_name(self.name, self.version) if self.kind == "npm" else self.file_in_pool

    @property
    def file_in_pool(self) -> str:
        """What its place in the archive ends in."""
        return self.pool.rsplit("/", 1)[-1]


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
            fetch_deb(entry, folder)
            continue
        target = folder / entry.file
        if not target.exists():
            if entry.kind == "npm":
                _run(["npm", "pack", f"{entry.name}@{entry.version}", "--silent"], folder)
            else:
                _get(mirrors(), entry.pool, target)
        _check(target, entry)


def tarball(folder: Path, name: str) -> Path:
    """Where the tarball of a source lies."""
    return folder / source(name).file


def tarball_name(package: str, version: str) -> str:
    """The file that ``npm pack`` writes for a package."""
    return f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"


@cache
def mirrors() -> tuple[str, ...]:
    """The archives of Debian that this machine's apt is told to use."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    found = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    return tuple(sorted({line for line in found.stdout.splitlines() if line}))


def fetch_deb(entry: Source, folder: Path, archives: Sequence[str] | None = None) -> None:
    """Unpacks a Debian package into ``folder``; ``archives`` are those of the machine unless others are named."""
    marker = folder / entry.name / _EXTRACTED
    if marker.exists() and marker.read_text() == entry.sha256:
        return
    if entry.pool:
        _get(mirrors() if archives is None else archives, entry.pool, folder / entry.file_in_pool)
    else:
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


def _get(archives: Sequence[str], pool: str, target: Path) -> None:
    """From the first archive that has it. SystemExit when none has."""
    for archive in archives:
        try:
            with urllib.request.urlopen(f"{archive}{pool}", timeout=300) as answer:  # as apt is told, or a test
                target.write_bytes(answer.read())
                return
        except urllib.error.URLError:
            continue
    raise SystemExit(
        f"no archive that apt is told to use has {pool}. A newer version may have taken its place: "
        f"pin that one in {_LOCK.name}"
    )


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=900, stdout=subprocess.DEVNULL)

"""``weights pull``: from a name, or a folder of files, to a folder of weights that the daemon can load."""

import asyncio
import contextlib
import errno
import fcntl
import importlib.util
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import aiohttp

from streamwatch.app.hub import DEFAULT_ENDPOINT, TIMEOUT, Hub, Progress, matches
from streamwatch.app.zero_shot_weights import make_weights
from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import FILES_FOLDER, hash_file
from streamwatch.inference.encoders.siglip2 import CONFIG, PREPROCESSOR, WEIGHTS
from streamwatch.inference.places import known_weights, own_places
from streamwatch.inference.sources import ExpectedFile, Source

RUNTIME_FILES: Final = (CONFIG, PREPROCESSOR, WEIGHTS)
_TOKENIZER: Final = "tokenizer.json"
_MORE_OF_IT: Final = ("tokenizer_config.json", "special_tokens_map.json")
_REVISION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_SPARE: Final = 64 * 2**20
"""Bytes beside the files: heads, card, and some air."""


@dataclass(frozen=True, slots=True)
class PullOptions:
    """What the operator asked for."""

    folder: Path | None = None
    """Take the files from here; no network is used."""
    into: Path | None = None
    revision: str | None = None
    endpoint: str | None = None
    prompts: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """Who hears how far it is."""

    progress: Progress
    step: Callable[[str], None]


def pull(source: Source, options: PullOptions, tell: Tell) -> dict[str, Any]:
    """Fetches, checks, makes the heads, loads once; then the folder appears, whole. Raises WeightsError."""
    if importlib.util.find_spec("transformers") is None:
        raise WeightsError("SigLIP weights need more packages. pip install 'streamwatch[siglip]'")
    if options.revision is not None and not _REVISION.fullmatch(options.revision):
        raise WeightsError(f"--revision {options.revision!r} is no revision")
    place = place_to_write(options.into)
    target = place / source.name
    if target.exists() and not options.overwrite:
        raise WeightsError(f"{target} is there already. --replace makes it anew")
    work = place / f".{source.name}.pull"
    with _alone(work):
        files_folder = work / FILES_FOLDER
        _make(files_folder)
        wanted = _Wanted(source, options)
        try:
            found, checked = wanted.collect(files_folder, tell)
            _only(files_folder, found)
            report = make_weights(work, found, options.prompts or found.prompts, checked=checked, step=tell.step)
        except OSError as error:
            raise WeightsError(_words(error, work)) from error
        _swap(work, target)
    return {**report, "folder": str(target), "found_by_name": known_weights().get(source.name) == target}


def place_to_write(into: Path | None) -> Path:
    """``into``, or the first of the operator's places that can be written. Raises WeightsError."""
    candidates = [into] if into is not None else own_places()
    for place in candidates:
        with contextlib.suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            if os.access(place, os.W_OK | os.X_OK):
                return place
    tried = ", ".join(str(place) for place in candidates)
    raise WeightsError(f"cannot write to {tried}. Name a folder with --into")


class _Wanted:
    """Which files are wanted, and from where."""

    def __init__(self, source: Source, options: PullOptions) -> None:
        self._source, self._options = source, options
        self._pinned = options.revision in (None, source.revision)

    def collect(self, folder: Path, tell: Tell) -> tuple[Source, str]:
        """Puts every file into ``folder``. What was taken, with its hashes, and in words how they were checked."""
        if self._options.folder is not None:
            return self._copy(self._options.folder, folder, tell)
        return asyncio.run(self._download(folder, tell))

    async def _download(self, folder: Path, tell: Tell) -> tuple[Source, str]:
        endpoint = self._options.endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True) as session:
            hub = Hub(session, endpoint, self._source.repository)
            source, checked = self._source, "every file has the hash that streamwatch pins"
            if not self._pinned:
                names = list(source.files)
                revision, files = await hub.describe(str(self._options.revision), names)
                source = replace(source, revision=revision, files=files)
                checked = "every file has the hash that the hub gave for it at this revision; streamwatch pins another"
            _check_room(folder, source.files)
            for file in source.files.values():
                await hub.fetch(source.revision, file, folder, tell.progress)
        return _recorded(source, folder), checked

    def _copy(self, origin: Path, folder: Path, tell: Tell) -> tuple[Source, str]:
        origin = origin / FILES_FOLDER if (origin / FILES_FOLDER / CONFIG).is_file() else origin
        # Without a tokenizer the library makes one up, and the heads would be nonsense.
        lacking = [name for name in (*RUNTIME_FILES, _TOKENIZER) if not (origin / name).is_file()]
        if lacking:
            raise WeightsError(f"{origin}: has no {lacking[0]}. Wanted: {', '.join(self._source.files)}")
        source = self._source
        if self._pinned:
            checked = "every file has the hash that streamwatch pins"
        else:
            names = [name for name in (*RUNTIME_FILES, _TOKENIZER, *_MORE_OF_IT) if (origin / name).is_file()]
            files = {name: ExpectedFile(name, (origin / name).stat().st_size) for name in names}
            source = replace(source, revision=str(self._options.revision), files=files)
            checked = "NOT CHECKED against any published hash: those of the folder were taken down as they were found"
        for name, expected in source.files.items():
            if not (origin / name).is_file():
                raise WeightsError(f"{origin}: has no {name}")
            if not matches(origin / name, expected):
                raise WeightsError(
                    f"{origin / name}: its sha256 is {hash_file(origin / name)}, that of {source.repository} at"
                    f" {source.revision[:12]} is {expected.sha256}. For files of another revision say which: --revision"
                )
        _check_room(folder, source.files)
        for name in source.files:
            size = (origin / name).stat().st_size
            tell.progress(name, 0, size)
            if not (folder / name).exists() or not (origin / name).samefile(folder / name):
                shutil.copyfile(origin / name, folder / name)
            tell.progress(name, size, size)
        return _recorded(source, folder), checked


def _recorded(source: Source, folder: Path) -> Source:
    """The source with the hashes of the files as they lie there."""
    files = {n: ExpectedFile(n, (folder / n).stat().st_size, hash_file(folder / n)) for n in source.files}
    return replace(source, files=files)


def _check_room(folder: Path, files: Mapping[str, ExpectedFile]) -> None:
    there = sum(file.stat().st_size for file in folder.iterdir())
    missing = sum(file.size or 0 for file in files.values()) + _SPARE - there
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise WeightsError(f"{folder}: {missing / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")


def _only(folder: Path, source: Source) -> None:
    """An earlier attempt at another revision may have left more."""
    for file in folder.iterdir():
        if file.name not in source.files:
            file.unlink()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(_words(error, folder)) from error


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Two pulls into one folder would write over each other."""
    _make(work)
    descriptor = os.open(work.with_name(f"{work.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise WeightsError(f"another pull is at work in {work.parent}. Let it finish") from error
    try:
        yield
    finally:
        if work.exists() and not any(path.is_file() for path in work.rglob("*")):
            shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)
        if not work.exists():
            work.with_name(f"{work.name}.lock").unlink(missing_ok=True)


def _swap(work: Path, target: Path) -> None:
    """The new folder takes the place of the old one, which comes back when that fails; nobody finds half of either."""
    old = target.with_name(f".{target.name}.old")
    try:
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        try:
            work.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WeightsError(_words(error, target)) from error


def _words(error: OSError, folder: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"{folder}: the disk is full. What is there is kept: make room and pull again"
    return f"{folder}: cannot be written: {error.strerror}"

"""Fetches files of one revision from a model hub: checked by hash, resumed where an earlier attempt broke off.

Only what every mirror of the hub serves is used: ``<endpoint>/<repository>/resolve/<revision>/<file>``, with Range.
"""

import asyncio
import errno
import hashlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp

from streamwatch.backoff import Backoff
from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import hash_file
from streamwatch.inference.sources import ExpectedFile

Progress = Callable[[str, int, int | None], None]
"""(file, bytes that are there, bytes in all if known)."""

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
PARTIAL: Final = ".part"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PIECE: Final = 2**18
_ATTEMPTS: Final = 5
"""Without a byte between them."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=30.0)
_REDIRECTED: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """The connection failed; what came is kept."""

    words: str


class Hub:
    """One repository of one hub. Every method raises WeightsError, in words."""

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: str, repository: str, *, backoff: Backoff | None = None
    ) -> None:
        self._session = session
        self._base = f"{endpoint.rstrip('/')}/{repository}/resolve"
        self._host = urlsplit(endpoint).hostname or endpoint
        self._repository = repository
        self._backoff = backoff or Backoff(base=1.0, ceiling=20.0)
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing

    async def describe(self, revision: str, names: list[str]) -> tuple[str, dict[str, ExpectedFile]]:
        """The full commit that a revision stands for, and what the hub says that each file's hash is."""
        commits: set[str] = set()
        files = {}
        for name in names:
            headers = await self._head(revision, name)
            commits.add(headers.get("X-Repo-Commit", ""))
            etag = (headers.get("X-Linked-Etag") or headers.get("ETag", "")).removeprefix("W/").strip('"')
            size = headers.get("X-Linked-Size") or headers.get("Content-Length", "")
            sha256 = etag if _SHA256.fullmatch(etag) else None
            sha1 = etag if _COMMIT.fullmatch(etag) else None
            if sha256 is None and sha1 is None:
                raise WeightsError(f"{self._host} gives no hash for {name}: it serves the pinned revision only")
            files[name] = ExpectedFile(name, int(size) if size.isdigit() else None, sha256, sha1)
        if len(commits) != 1 or not _COMMIT.fullmatch(commit := commits.pop()):
            raise WeightsError(f"{self._host} does not say which commit {revision!r} of {self._repository} stands for")
        return commit, files

    async def fetch(self, revision: str, expected: ExpectedFile, folder: Path, progress: Progress) -> Path:
        """The file in ``folder``, whole and with its hash. What is there already is not fetched again."""
        target = folder / expected.name
        partial = target.with_name(target.name + PARTIAL)
        if target.exists():
            if matches(target, expected):
                progress(expected.name, target.stat().st_size, target.stat().st_size)
                return target
            target.unlink()
        await self._whole(revision, expected, partial, progress)
        if not matches(partial, expected):
            found = hash_file(partial)
            partial.unlink()
            raise WeightsError(
                f"{expected.name} from {self._host} has sha256 {found}, wanted is {wanted_hash(expected)}."
                " It is not kept. Pull again, or from another endpoint"
            )
        return partial.rename(target)

    async def _whole(self, revision: str, expected: ExpectedFile, partial: Path, progress: Progress) -> None:
        failures, there = 0, -1
        while True:
            try:
                await self._go_on(revision, expected, partial, progress)
            except _Stopped as stopped:
                size = _size(partial)
                failures = 1 if size > there else failures + 1
                there = max(there, size)
                if failures >= _ATTEMPTS:
                    raise WeightsError(
                        f"{expected.name}: {self._host} {stopped.words}. {size} bytes are kept:"
                        " pull again to go on, or take a folder with --from"
                    ) from None
                await asyncio.sleep(self._backoff.delay(failures - 1, self._random))
            else:
                return

    async def _go_on(self, revision: str, expected: ExpectedFile, partial: Path, progress: Progress) -> None:
        there = _size(partial)
        if there and there == expected.size:
            progress(expected.name, there, there)
            return
        headers = {"Range": f"bytes={there}-", "Accept-Encoding": "identity"}
        try:
            async with self._session.get(self._url(revision, expected.name), headers=headers) as response:
                if response.status == 416:  # more is there than the hub has
                    _drop(partial)
                    raise _Stopped("has a shorter file than what is there")
                self._check_status(response.status, expected.name, revision)
                resumed = response.headers.get("Content-Range", "").startswith(f"bytes {there}-")
                there = there if response.status == 206 and resumed else 0
                await self._take(response, expected, partial, there, progress)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _Stopped(_words(error)) from error

    async def _take(
        self, response: aiohttp.ClientResponse, expected: ExpectedFile, partial: Path, there: int, progress: Progress
    ) -> None:
        total = expected.size or (there + response.content_length if response.content_length is not None else None)
        try:
            with partial.open("r+b" if there else "wb") as file:
                file.seek(there)
                async for piece in response.content.iter_chunked(_PIECE):
                    there += len(piece)
                    if expected.size is not None and there > expected.size:
                        raise WeightsError(f"{expected.name} from {self._host} is longer than {expected.size} bytes")
                    file.write(piece)
                    progress(expected.name, there, total)
        except OSError as error:
            if isinstance(error, aiohttp.ClientError | TimeoutError | ConnectionError):
                raise
            raise WeightsError(_disk_words(error, partial.parent)) from error
        if total is not None and there < total:
            raise _Stopped("broke off")

    async def _head(self, revision: str, name: str) -> Mapping[str, str]:
        for attempt in range(_ATTEMPTS):
            try:
                async with self._session.head(
                    self._url(revision, name), allow_redirects=False, headers={"Accept-Encoding": "identity"}
                ) as response:
                    if response.status not in _REDIRECTED:  # a large file lies elsewhere; its hash stands here
                        self._check_status(response.status, name, revision)
                    return response.headers.copy()
            except (_Stopped, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                words = error.words if isinstance(error, _Stopped) else _words(error)
                await asyncio.sleep(self._backoff.delay(attempt, self._random))
        raise WeightsError(f"{name}: {self._host} {words}. --from takes a folder instead")

    def _url(self, revision: str, name: str) -> str:
        return f"{self._base}/{quote(revision, safe='')}/{quote(name)}"

    def _check_status(self, status: int, name: str, revision: str) -> None:
        if status in (200, 206):
            return
        if status in (401, 403):
            raise WeightsError(f"{name}: {self._host} refuses {self._repository} ({status}): not given to all")
        if status == 404:
            raise WeightsError(f"{name}: {self._host} has no such file in {self._repository} at {revision}")
        raise _Stopped(f"answers {status}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


def matches(path: Path, expected: ExpectedFile) -> bool:
    """Whether a file has the hash that it must have; a file with no known hash matches by its size alone."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return False
    if expected.sha256 is not None:
        return hash_file(path) == expected.sha256
    if expected.git_sha1 is not None:
        blob = hashlib.sha1(b"blob %d\0" % size + path.read_bytes(), usedforsecurity=False)
        return blob.hexdigest() == expected.git_sha1
    return True


def wanted_hash(expected: ExpectedFile) -> str:
    """The hash that is known of a file, in words."""
    if expected.sha256 is not None:
        return expected.sha256
    return f"git's {expected.git_sha1}"


def _words(error: BaseException) -> str:
    """aiohttp's own texts may hold URLs with passwords."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "is not known by name (no network?)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "shows no certificate that is trusted"
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionError):
        return "cannot be reached"
    if isinstance(error, TimeoutError):
        return "sends nothing for too long"
    return f"broke off ({type(error).__name__})"


def _disk_words(error: OSError, folder: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"{folder}: the disk is full. What came is kept: make room and pull again"
    return f"{folder}: cannot be written: {error.strerror}"

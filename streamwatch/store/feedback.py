"""What clients said was misjudged: a labelled example a row in history.db, its picture (if kept) in a folder.

Kept until somebody deletes it by id, until it is ``max_age`` old, or until there are more than ``most``: then the
oldest of the client with the most gives way, so that nobody's flood drives out what others said.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import sqlite3
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamwatch.errors import StoreError
from streamwatch.records.scores import WeightsName
from streamwatch.store.database import explain
from streamwatch.store.history import History

Half = npt.NDArray[np.float16]

EXAMPLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST: Final = 10_000
"""Examples kept: with starter weights about 1 GB of features."""
MAX_AGE: Final = 365 * 86400.0
_LONGEST_URI: Final = 500
_ORPHAN_AFTER: Final = 3600.0
"""Seconds after which a picture without a row is taken for the leftover of a crash."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled picture, as features of one encoder."""

    id: str
    created: float
    """Unix seconds."""
    client: str
    model: str
    class_: str
    weights: WeightsName
    """Which weights were in use when the client complained."""
    encoder: str
    """sha256 of the encoder's file that made the features."""
    last: Half
    middle: Half
    uri: str = ""
    """Where the picture came from, without credentials."""
    picture: str | None = None
    """File name below ``<store>/feedback``; None when pictures are not kept."""


class FeedbackStore:
    """Adds, counts, removes. Every method raises StoreError when history.db or the folder cannot serve."""

    def __init__(
        self,
        history: History,
        folder: Path,
        *,
        most: int = MOST,
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``folder``: the store's; pictures lie in ``feedback`` below it, readable by its owner alone."""
        self._history = history
        self._folder = folder / "feedback"
        self._most, self._max_age, self._clock = most, max_age, clock

    async def add(self, example: Example, jpeg: bytes | None = None) -> None:
        """Keeps an example, and its picture if one is given; makes room for it."""
        if not EXAMPLE_ID.fullmatch(example.id):
            raise StoreError(f"{example.id[:40]!r} is not the id of an example.")
        blob = await asyncio.to_thread(_packed, example)
        name = f"{example.id}.jpg" if jpeg is not None else None
        if jpeg is not None:
            await asyncio.to_thread(self._write, f"{example.id}.jpg", jpeg)
        try:
            await self._history.run(lambda connection: _insert(connection, example, blob, name))
        except BaseException:
            if name is not None:
                await asyncio.to_thread(self._unlink, [name])
            raise
        await self.prune()

    async def remove(self, example: str, client: str | None = None) -> bool:
        """Deletes one example with its picture; False when there is none, or it is another client's."""

        def work(connection: sqlite3.Connection) -> list[str | None]:
            rows = connection.execute(
                "DELETE FROM feedback WHERE id = ? AND (? IS NULL OR client = ?) RETURNING picture",
                (example, client, client),
            ).fetchall()
            return [row[0] for row in rows]

        gone = await self._history.run(work)
        await asyncio.to_thread(self._unlink, gone)
        return bool(gone)

    async def count(self) -> int:
        """How many examples there are."""
        return await self._history.run(lambda c: int(c.execute("SELECT count(*) FROM feedback").fetchone()[0]))

    async def prune(self) -> int:
        """Removes what is too old or too many, and pictures that a crash left without a row; how many examples."""
        now = self._clock()
        gone = await self._history.run(lambda connection: _prune(connection, now - self._max_age, self._most))
        await asyncio.to_thread(self._unlink, gone)
        strays = await asyncio.to_thread(self._older_than, time.time() - _ORPHAN_AFTER)
        if strays:
            known = await self._history.run(lambda connection: _pictures(connection, strays))
            await asyncio.to_thread(self._unlink, [name for name in strays if name not in known])
        return len(gone)

    def _write(self, name: str, jpeg: bytes) -> None:
        path = self._folder / name
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(jpeg)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise StoreError(f"{path}: the picture cannot be kept: {error.strerror}") from error

    def _unlink(self, names: Sequence[str | None]) -> None:
        for name in names:
            if name is not None:
                with contextlib.suppress(OSError):  # a later prune finds it as a stray
                    (self._folder / Path(name).name).unlink(missing_ok=True)

    def _older_than(self, moment: float) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry.name for entry in entries if entry.stat().st_mtime < moment][:1000]
        except OSError:
            return []


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a history.db, oldest first, without disturbing a daemon that writes it. Raises StoreError."""
    return (_unpacked(path, row) for row in _read(path, _SELECT))


def encoders_of(path: Path) -> Counter[str]:
    """sha256 of an encoder -> how many examples of a history.db it made. Raises StoreError."""
    found: Counter[str] = Counter()
    for weights, count in _read(path, "SELECT weights, count(*) FROM feedback GROUP BY weights"):
        found[_named(path, weights)["encoder"]] += count
    return found


def _read(path: Path, query: str) -> Iterator[tuple[Any, ...]]:
    if not path.is_file():
        raise StoreError(f"{path}: not found. It lies in the store's folder once the daemon has run")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        with contextlib.closing(connection):
            yield from connection.execute(query)
    except sqlite3.Error as error:
        raise explain(error, path) from error


_SELECT: Final = (
    "SELECT id, created, client, model, class, weights, features, picture, uri FROM feedback ORDER BY created, id"
)


def _insert(connection: sqlite3.Connection, example: Example, blob: bytes, picture: str | None) -> None:
    weights = json.dumps(
        {"name": example.weights.name, "sha256": example.weights.sha256, "encoder": example.encoder}, sort_keys=True
    )
    connection.execute(
        "INSERT INTO feedback (id, created, client, model, class, weights, features, picture, uri)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            example.id,
            example.created,
            example.client,
            example.model,
            example.class_,
            weights,
            blob,
            picture,
            example.uri[:_LONGEST_URI],
        ),
    )


def _prune(connection: sqlite3.Connection, before: float, most: int) -> list[str | None]:
    old = connection.execute("DELETE FROM feedback WHERE created < ? RETURNING picture", (before,)).fetchall()
    gone: list[str | None] = [row[0] for row in old]
    excess = connection.execute("SELECT count(*) FROM feedback").fetchone()[0] - most
    for _ in range(excess):
        [largest] = connection.execute(
            "SELECT client FROM feedback GROUP BY client ORDER BY count(*) DESC, min(created) LIMIT 1"
        ).fetchone()
        rows = connection.execute(
            "DELETE FROM feedback WHERE id ="
            " (SELECT id FROM feedback WHERE client = ? ORDER BY created, id LIMIT 1) RETURNING picture",
            (largest,),
        ).fetchall()
        gone.extend(row[0] for row in rows)
    return gone


def _pictures(connection: sqlite3.Connection, names: Sequence[str]) -> set[str]:
    marks = ",".join("?" * len(names))
    rows = connection.execute(f"SELECT picture FROM feedback WHERE picture IN ({marks})", tuple(names))  # noqa: S608 - marks only
    return {row[0] for row in rows}


def _packed(example: Example) -> bytes:
    """float16 arrays as a compressed .npz: most of the last map is zero, which halves it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, last=example.last.astype(np.float16), middle=example.middle.astype(np.float16))
    return buffer.getvalue()


def _named(path: Path, weights: str) -> dict[str, str]:
    try:
        named = json.loads(weights)
        return {key: str(named[key]) for key in ("name", "sha256", "encoder")}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: an example names no weights that can be read ({type(error).__name__})") from error


def _unpacked(path: Path, row: tuple[Any, ...]) -> Example:
    id_, created, client, model, class_, weights, blob, picture, uri = row
    named = _named(path, weights)
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
            last, middle = arrays["last"], arrays["middle"]
        return Example(
            id_, created, client, model, class_, WeightsName(named["name"], named["sha256"]), named["encoder"],
            last, middle, uri, picture,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"{path}: the example {id_} is damaged ({type(error).__name__}). Delete it by its id"
        ) from error

"""SQL of what candidate weights said beside those that alert: written by the daemon, read by it and by others."""

import contextlib
import math
import sqlite3
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from streamwatch.errors import SchemaTooNew, StoreError
from streamwatch.records.labels import LABELS
from streamwatch.records.shadow import ShadowFrame, ShadowIncident, Side
from streamwatch.store.database import explain
from streamwatch.store.history_schema import HISTORY_MIGRATIONS
from streamwatch.store.schema import version_of

_SCORES: Final = struct.Struct(f"<{len(LABELS)}f")
_CHUNK: Final = 2000
_PATIENCE: Final = 10.0


def weights_id(connection: sqlite3.Connection, name: str) -> int:
    """The number that stands for ``name@sha256`` in rows; a new one for weights that are new."""
    connection.execute("INSERT OR IGNORE INTO weights_used (name) VALUES (?)", (name,))
    return int(connection.execute("SELECT id FROM weights_used WHERE name = ?", (name,)).fetchone()[0])


def add(connection: sqlite3.Connection, frames: Collection[ShadowFrame], incidents: Collection[ShadowIncident]) -> None:
    """Write frames, and incidents as they stand now."""
    names = {name for one in frames for name in (one.live.weights, one.candidate.weights)}
    names |= {name for one in incidents for name in (one.live, one.candidate)}
    number = {name: weights_id(connection, name) for name in names}
    connection.executemany(
        "INSERT INTO shadow_frames (frame, stream, at, seconds, live, candidate, live_scores, candidate_scores,"
        " live_judged, live_over, candidate_judged, candidate_over) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_frame_values(one, number) for one in frames],
    )
    connection.executemany(
        "INSERT INTO shadow_incidents (id, side, live, candidate, stream, model, label, opened_at, closed_at, peak,"
        " threshold, frame) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " label = excluded.label, closed_at = excluded.closed_at, peak = excluded.peak, threshold = excluded.threshold",
        [
            (
                one.id,
                one.side,
                number[one.live],
                number[one.candidate],
                one.stream,
                one.model,
                one.label,
                one.opened_at,
                one.closed_at,
                one.peak,
                one.threshold,
                one.frame,
            )
            for one in incidents
        ],
    )


def settle(connection: sqlite3.Connection) -> int:
    """End what a daemon that was killed left open, when the last frame came; how many. For a start, before ``add``."""
    newest = "SELECT at FROM shadow_frames ORDER BY seq DESC LIMIT 1"
    return connection.execute(
        f"UPDATE shadow_incidents SET closed_at = MAX(opened_at, COALESCE(({newest}), opened_at))"  # noqa: S608 - ours
        " WHERE closed_at IS NULL"
    ).rowcount


def prune(connection: sqlite3.Connection, before: float, keep: int) -> int:
    """Remove some of what is older than ``before`` (Unix seconds), and of what there is beyond ``keep`` frames.

    At most one chunk, so that nobody waits long: call it until it gives 0, how many rows went. Incidents go with the
    last frames of their time.
    """
    gone = connection.execute(
        "DELETE FROM shadow_frames WHERE seq IN (SELECT seq FROM shadow_frames WHERE at < ? LIMIT ?)", (before, _CHUNK)
    ).rowcount
    if not gone:
        newest = connection.execute("SELECT MAX(seq) FROM shadow_frames").fetchone()[0] or 0
        oldest = connection.execute("SELECT MIN(seq) FROM shadow_frames").fetchone()[0] or 0
        excess = min(_CHUNK, newest - oldest + 1 - keep)
        if excess > 0:
            gone = connection.execute("DELETE FROM shadow_frames WHERE seq < ?", (oldest + excess,)).rowcount
    first = connection.execute("SELECT MIN(at) FROM shadow_frames").fetchone()[0]
    limit = before if first is None else max(before, float(first))
    connection.execute("DELETE FROM shadow_incidents WHERE COALESCE(closed_at, opened_at) < ?", (limit,))
    return int(gone)


class ShadowReader:
    """history.db of a folder, read beside a daemon that runs or without one; nothing is ever written.

    Everything raises StoreError when the file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history.db"

    def frames(self, since: float) -> Iterator[ShadowFrame]:
        """Those captured at or after ``since`` (Unix seconds), in the order in which they were written."""
        names = self._names()
        for row in self._rows(
            "SELECT frame, stream, at, seconds, live, candidate, live_scores, candidate_scores, live_judged, live_over,"
            " candidate_judged, candidate_over FROM shadow_frames WHERE at >= ? ORDER BY seq",
            (since,),
        ):
            yield ShadowFrame(
                frame=row[0],
                stream=row[1],
                at=row[2],
                seconds=row[3],
                live=Side(names[row[4]], _scores(row[6]), _labels(row[8]), _labels(row[9])),
                candidate=Side(names[row[5]], _scores(row[7]), _labels(row[10]), _labels(row[11])),
            )

    def incidents(self, since: float) -> list[ShadowIncident]:
        """Those that opened at or after ``since`` (Unix seconds), oldest first."""
        names = self._names()
        rows = self._rows(
            "SELECT id, side, live, candidate, stream, model, label, opened_at, closed_at, peak, threshold, frame"
            " FROM shadow_incidents WHERE opened_at >= ? ORDER BY opened_at, id",
            (since,),
        )
        fields = ("id", "side", "live", "candidate", "stream", "model", "label", "opened_at", "closed_at", "peak")
        found = [dict(zip((*fields, "threshold", "frame"), row, strict=True)) for row in rows]
        return [
            ShadowIncident(**{**one, "live": names[one["live"]], "candidate": names[one["candidate"]]}) for one in found
        ]

    def _names(self) -> dict[int, str]:
        return dict(self._rows("SELECT id, name FROM weights_used", ()))

    def _rows(self, query: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if not self._path.exists():
            raise StoreError(f"{self._path} is not there. Name the daemon's store with --store or --config.")
        with contextlib.closing(self._connect()) as connection:
            try:
                self._check(connection)
                yield from connection.execute(query, values)
            except sqlite3.Error as error:
                raise explain(error, self._path) from error

    def _connect(self) -> sqlite3.Connection:
        """Read-only; a folder that may not be written to cannot hold SQLite's shared memory, so then as it stands."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE)
            connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.OperationalError:
            return sqlite3.connect(f"{uri}&immutable=1", uri=True)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        version, newest = version_of(connection, self._path), HISTORY_MIGRATIONS[-1].version
        if version > newest:
            raise SchemaTooNew(f"{self._path} was written by a newer streamwatch (schema {version}, known: {newest})")
        if version < 2:
            raise StoreError(f"{self._path} knows no shadow yet: start the daemon on it once, with [inference.shadow].")


def _frame_values(one: ShadowFrame, number: Mapping[str, int]) -> tuple[Any, ...]:
    live, candidate = one.live, one.candidate
    return (
        one.frame,
        one.stream,
        one.at,
        one.seconds,
        number[live.weights],
        number[candidate.weights],
        _packed(live.values),
        _packed(candidate.values),
        _bits(live.judged),
        _bits(live.over),
        _bits(candidate.judged),
        _bits(candidate.over),
    )


def _packed(values: Mapping[str, float]) -> bytes:
    return _SCORES.pack(*(values.get(label, math.nan) for label in LABELS))


def _scores(packed: bytes) -> dict[str, float]:
    values = zip(LABELS, _SCORES.unpack(packed), strict=True)
    return {label: value for label, value in values if not math.isnan(value)}


def _bits(labels: Iterable[str]) -> int:
    return sum(1 << LABELS.index(label) for label in labels)


def _labels(bits: int) -> frozenset[str]:
    return frozenset(label for place, label in enumerate(LABELS) if bits >> place & 1)

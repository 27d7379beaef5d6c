"""SQL of the frames that jobs looked at: kept whole up to a bound, then the most probable ones."""

import json
import sqlite3
import struct
from collections.abc import Collection, Iterable
from typing import Final

from streamwatch.records.job import JobFrame
from streamwatch.records.labels import LABELS
from streamwatch.store.shadow import weights_id

KEPT_FRAMES: Final = 10_000
_SLACK: Final = 500
"""Frames beyond the bound before some are dropped: sorting after every batch would cost more than it saves."""
_SCORES: Final = struct.Struct(f"<{len(LABELS)}f")


def add_frames(
    connection: sqlite3.Connection, job: str, frames: Iterable[tuple[JobFrame, float]], *, keep: int = KEPT_FRAMES
) -> None:
    """Write frames of a job, each with the probability that it is kept by when there are more than ``keep``."""
    found = list(frames)
    numbers = {name: weights_id(connection, name) for name in {frame.weights for frame, _ in found} if name}
    rows = [
        (
            job,
            frame.number,
            frame.position,
            peak,
            _SCORES.pack(*(frame.values.get(label, 0.0) for label in LABELS)),
            numbers.get(frame.weights),
        )
        for frame, peak in found
    ]
    connection.executemany(
        "INSERT OR REPLACE INTO job_frames (job, number, position, peak, scores, weights) VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    if not rows or rows[-1][1] <= keep + _SLACK:
        return
    excess = connection.execute("SELECT COUNT(*) FROM job_frames WHERE job = ?", (job,)).fetchone()[0] - keep
    if excess > _SLACK:
        connection.execute(
            "DELETE FROM job_frames WHERE job = ? AND number IN "
            "(SELECT number FROM job_frames WHERE job = ? ORDER BY peak, number LIMIT ?)",
            (job, job, excess),
        )


def job_frames(connection: sqlite3.Connection, job: str, *, keep: int = KEPT_FRAMES) -> list[JobFrame]:
    """The job's kept frames in their order: at most ``keep``, the most probable ones."""
    rows = connection.execute(
        "SELECT number, position, scores, COALESCE(name, '') FROM "
        "(SELECT * FROM job_frames WHERE job = ? ORDER BY peak DESC, number DESC LIMIT ?) "
        "LEFT JOIN weights_used ON weights_used.id = weights ORDER BY number",
        (job, keep),
    )
    return [
        JobFrame(number, position, dict(zip(LABELS, _SCORES.unpack(scores), strict=True)), weights)
        for number, position, scores, weights in rows
    ]


def last_number(connection: sqlite3.Connection, job: str) -> int:
    """The highest frame number that was written; 0 when there is none."""
    return int(
        connection.execute("SELECT COALESCE(MAX(number), 0) FROM job_frames WHERE job = ?", (job,)).fetchone()[0]
    )


def forget_frames(connection: sqlite3.Connection, jobs: Collection[str]) -> None:
    """Drop every frame of these jobs."""
    connection.execute(
        "DELETE FROM job_frames WHERE job IN (SELECT value FROM json_each(?))", (json.dumps(list(jobs)),)
    )


def forget_strangers(connection: sqlite3.Connection, known: Collection[str]) -> int:
    """Drop the frames of jobs that are not ``known`` any more; how many."""
    return int(
        connection.execute(
            "DELETE FROM job_frames WHERE job NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(known)),)
        ).rowcount
    )

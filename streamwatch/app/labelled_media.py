"""The pictures of an operator's folder, decoded in upload workers, each with what labels.csv says about it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streamwatch.app.media import holds_video, read_picture
from streamwatch.capture.uploads.pool import ClipPlan, UploadPool
from streamwatch.errors import RequestError
from streamwatch.learning.labels_file import Entry, LabelsFile
from streamwatch.learning.samples import Sample, split_of
from streamwatch.records.frame import Pixels

_CHUNK: Final = 1 << 20
_AHEAD: Final = 4
"""Files that are being decoded while others are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A labelled picture with its pixels."""

    sample: Sample
    pixels: Pixels


@dataclass(slots=True)
class LabelledMedia:
    """Reads a folder; ``problems`` holds in words what could not be used."""

    table: LabelsFile
    pool: UploadPool
    short_side: int
    interval: float
    """Seconds between pictures of a video."""
    problems: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many there are."""
        return len({entry.file for entry in self.table.entries})

    async def shots(self, on_file: Callable[[], None]) -> AsyncIterator[Shot]:
        """Every labelled picture, file by file; ``on_file`` is called after each."""
        by_file: dict[Path, list[Entry]] = {}
        for entry in self.table.entries:
            by_file.setdefault(entry.file, []).append(entry)
        inbox: asyncio.Queue[list[Shot] | None] = asyncio.Queue(_AHEAD)
        reading = asyncio.create_task(self._read_all(list(by_file.values()), inbox), name="labelled-media")
        try:
            while (shots := await inbox.get()) is not None:
                for shot in shots:
                    yield shot
                on_file()
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read_all(self, files: Sequence[Sequence[Entry]], inbox: "asyncio.Queue[list[Shot] | None]") -> None:
        try:
            for entries in files:
                await inbox.put(await self._read(entries))
        finally:
            await inbox.put(None)

    async def _read(self, entries: Sequence[Entry]) -> list[Shot]:
        name, path = entries[0].name, entries[0].file
        try:
            digest = await asyncio.to_thread(digest_of, path)
            if await asyncio.to_thread(holds_video, path):
                return await self._video(entries, digest)
            first, *others = entries
            if others:
                lines = ", ".join(str(entry.line) for entry in others)
                self.problems.append(f"{name}: a picture has one line; left out: {lines}")
            return [Shot(self._sample(first, digest), await self._picture(path))]
        except RequestError as error:
            self.problems.append(f"{name}: {error}")
            return []

    async def _picture(self, path: Path) -> Pixels:
        data = await asyncio.to_thread(read_picture, path)
        still = await self.pool.still(data, short_side=self.short_side, max_pictures=1)
        return still.pictures[0].pixels

    async def _video(self, entries: Sequence[Entry], digest: str) -> list[Shot]:
        """Pictures at the interval: the whole video's labels, and over them those of the moment nearest to each."""
        whole = next((entry for entry in entries if entry.time is None), None)
        moments = [entry for entry in entries if entry.time is not None]
        plan = ClipPlan(str(entries[0].file), self.interval, self.short_side, max_seconds=1e9)
        shots: list[Shot] = []
        met: set[int] = set()
        async with self.pool.clip(plan) as clip:
            async for frame in clip:
                near = self._near(moments, frame.position)
                met.update(entry.line for entry in near)
                if whole is None and not near:
                    continue
                labels = dict(whole.labels if whole else {})
                for entry in near:
                    labels |= entry.labels
                first = whole or near[0]
                shots.append(Shot(self._sample(first, digest, labels, frame.position), frame.pixels))
        for entry in moments:
            if entry.line not in met:
                self.problems.append(
                    f"{entry.name}: line {entry.line}: no picture within half an interval of {entry.time:g} s"
                )
        return shots

    def _near(self, moments: Sequence[Entry], position: float) -> list[Entry]:
        """Moments within half an interval; the nearest is the last, so that it has the last word."""
        away = [(abs((entry.time or 0.0) - position), entry) for entry in moments]
        near = [one for one in away if one[0] <= self.interval / 2 + 1e-6]
        return [entry for _, entry in sorted(near, key=lambda one: -one[0])]

    def _sample(
        self, entry: Entry, digest: str, labels: dict[str, int] | None = None, position: float | None = None
    ) -> Sample:
        video = position is not None
        return Sample(
            name=entry.name,
            digest=digest,
            labels=dict(entry.labels) if labels is None else labels,
            group=entry.group,
            split=entry.split or split_of(entry.group),
            stream=entry.stream or (entry.name if video else None),
            sequence=entry.name if video else entry.stream,
            time=position if video else entry.time,
        )


def digest_of(path: Path) -> str:
    """sha256 of a file's bytes, in short. RequestError ``media_error`` when it cannot be read."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError as error:
        raise RequestError("media_error", f"the file cannot be read: {error.strerror}") from None
    return found.hexdigest()[:32]

"""Which worker gets which stream, and which streams are kept apart: pure, time is an argument."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streamwatch.backoff import Backoff

STREAM_COST: Final = 0.015
"""Cores that a stream on keyframes takes (1080p); what full decode adds is known from its grant."""
_STRIKES: Final = 2
"""Decodes in which a worker died or hung, after which a stream is kept apart."""
_COMPANY_STRIKES: Final = 4
"""Deaths of its worker outside any decode: every stream on it is a suspect, so it takes more of them."""
_MEMORY_SECONDS: Final = 1800.0
_RETURN: Final = Backoff(base=10.0, ceiling=300.0, floor=5.0)


@dataclass(frozen=True, slots=True)
class Load:
    """A worker that could take a stream."""

    worker: int
    streams: int
    full_decode: float
    """Cores granted to its streams."""
    ready: bool
    """It is there, or will be within a second or two."""


def least_loaded(loads: Iterable[Load], max_streams: int) -> int | None:
    """The worker for the next stream, a ready one if there is any; None when every one is full."""
    free = [load for load in loads if load.streams < max_streams]
    if not free:
        return None
    return min(
        free, key=lambda load: (not load.ready, load.streams * STREAM_COST + load.full_decode, load.worker)
    ).worker


@dataclass(slots=True)
class _Record:
    strikes: int = 0
    company: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Suspects:
    """Streams in whose company workers died."""

    rng: random.Random
    _records: dict[str, _Record] = field(default_factory=dict)

    def blame(self, decoding: Iterable[str], present: Iterable[str], now: float) -> dict[str, float]:
        """A worker died or hung: ``decoding`` are the streams that were being decoded, ``present`` all of its streams.

        Answers the streams that are kept apart from now on, with the seconds before the next attempt.
        """
        self._forget(now)
        culprits = set(decoding)
        for stream in culprits or set(present):
            record = self._records.setdefault(stream, _Record())
            record.last = now
            if culprits:
                record.strikes += 1
            else:
                record.company += 1
        return {stream: self._pause(stream) for stream in present if self.apart(stream, now)}

    def apart(self, stream: str, now: float) -> bool:
        """Should the stream run alone?"""
        record = self._recent(stream, now)
        return record is not None and (record.strikes >= _STRIKES or record.company >= _COMPANY_STRIKES)

    def convicted(self, stream: str, now: float) -> bool:
        """Must it, because workers died or hung while they decoded it, not merely in its company?"""
        record = self._recent(stream, now)
        return record is not None and record.strikes >= _STRIKES

    def behaved(self, stream: str) -> None:
        """The stream ran alone for long without harm: it may return, one strike short of the next quarantine."""
        record = self._records.get(stream)
        if record is not None:
            record.strikes, record.company = min(record.strikes, _STRIKES - 1), 0

    def _pause(self, stream: str) -> float:
        record = self._records[stream]
        attempt = max(record.strikes, record.company - _COMPANY_STRIKES)
        return _RETURN.delay(attempt, self.rng, at_least=_RETURN.floor)

    def _recent(self, stream: str, now: float) -> _Record | None:
        record = self._records.get(stream)
        return None if record is None or now - record.last > _MEMORY_SECONDS else record

    def _forget(self, now: float) -> None:
        for stream in [name for name in self._records if self._recent(name, now) is None]:
            del self._records[stream]

"""The places for capture workers, and which of them a stream gets: among others, or alone in quarantine."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from streamwatch.capture.full_decode_budget import FullDecodeBudget
from streamwatch.capture.placement import Load, Suspects, least_loaded
from streamwatch.capture.pool_options import PoolOptions, Slot


class Slots:
    """Ordinary slots are there for good, those of quarantine come with a stream and are taken away after it."""

    def __init__(self, options: PoolOptions, suspects: Suspects, budget: FullDecodeBudget) -> None:
        self._options = options
        self._suspects = suspects
        self._budget = budget
        self._numbers: Final = itertools.count()
        self._slots = {number: Slot(number) for number in itertools.islice(self._numbers, options.workers)}

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._slots.values()))

    @property
    def by_number(self) -> Mapping[int, Slot]:
        """Every slot under its worker's number."""
        return self._slots

    def place(self, stream: str, now: float) -> Slot | str:
        """The slot for the stream, a new one where it has no task yet; in words why there is none.

        Who is only suspected for its company gets an ordinary slot when quarantine is full: better watched among others
        than not at all, while nothing is proven.
        """
        apart, convicted = self._suspects.apart(stream, now), self._suspects.convicted(stream, now)
        slot = self._quarantine() if apart else None
        if slot is not None:
            return slot
        if convicted:
            return "no quarantine worker is free"
        return self._among_others() or "every capture worker is full"

    def remove(self, slot: Slot) -> None:
        """A quarantine is over."""
        del self._slots[slot.number]

    def _among_others(self) -> Slot | None:
        loads = [
            Load(
                slot.number,
                len(slot.sessions),
                sum(self._budget.granted(stream) for stream in slot.sessions),
                slot.ready,
            )
            for slot in self._slots.values()
            if not slot.alone
        ]
        number = least_loaded(loads, self._options.max_streams_per_worker)
        return None if number is None else self._slots[number]

    def _quarantine(self) -> Slot | None:
        if sum(slot.alone for slot in self._slots.values()) >= self._options.quarantine_workers:
            return None
        slot = Slot(next(self._numbers), alone=True)
        self._slots[slot.number] = slot
        return slot

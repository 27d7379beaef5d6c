"""What is wanted beside the configuration file, in memory and on disk: streams of the API, suspensions, snoozes."""

import time
from collections.abc import Callable
from functools import partial

from streamwatch.store import desired as table
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.desired import ApiStream, Snooze, Suspension


class DesiredState:
    """Written down first, then true. ``clock`` gives Unix seconds; every change raises StoreError and then did nothing.

    What is over stays here until it is dropped, so that somebody can notice that it is over.
    """

    def __init__(self, store: AlertStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self.streams: dict[str, ApiStream] = {}
        self.suspensions: dict[str, Suspension] = {}
        self.snoozes: dict[tuple[str, str], Snooze] = {}
        """By stream and label."""

    async def load(self) -> None:
        """Take up what an earlier life wrote down."""
        found: table.Desired = await self._store.run(table.load)
        self.streams = {one.id: one for one in found.streams}
        self.suspensions = {one.stream: one for one in found.suspensions}
        self.snoozes = {(one.stream, one.label): one for one in found.snoozes}

    def suspended(self, stream: str) -> Suspension | None:
        """The suspension of the stream that holds now."""
        found = self.suspensions.get(stream)
        return found if found is not None and (found.until is None or found.until > self._clock()) else None

    def snoozed(self, stream: str, label: str) -> bool:
        """Whether the label sends no alerts of the stream now."""
        found = self.snoozes.get((stream, label))
        return found is not None and found.until > self._clock()

    def snoozes_of(self, stream: str) -> list[Snooze]:
        """The stream's snoozes that hold now."""
        now = self._clock()
        return [one for one in self.snoozes.values() if one.stream == stream and one.until > now]

    def over(self) -> tuple[list[Suspension], list[Snooze]]:
        """The suspensions and snoozes whose time has passed."""
        now = self._clock()
        return (
            [one for one in self.suspensions.values() if one.until is not None and one.until <= now],
            [one for one in self.snoozes.values() if one.until <= now],
        )

    async def put_stream(self, stream: ApiStream) -> None:
        """Want a stream, or want it otherwise."""
        await self._store.run(partial(table.put_stream, stream=stream))
        self.streams[stream.id] = stream

    async def forget_stream(self, stream: str) -> None:
        """Want nothing of the stream any more."""
        if not self.knows(stream):
            return
        await self._store.run(partial(table.forget_stream, stream=stream))
        self.streams.pop(stream, None)
        self.suspensions.pop(stream, None)
        self.snoozes = {key: one for key, one in self.snoozes.items() if one.stream != stream}

    def knows(self, stream: str) -> bool:
        """Whether anything is wanted of the stream here."""
        return stream in self.streams or stream in self.suspensions or any(key[0] == stream for key in self.snoozes)

    async def put_suspension(self, suspension: Suspension) -> None:
        """Want a stream not to be looked at."""
        await self._store.run(partial(table.put_suspension, suspension=suspension))
        self.suspensions[suspension.stream] = suspension

    async def drop_suspension(self, stream: str) -> None:
        """Want a stream to be looked at again."""
        await self._store.run(partial(table.drop_suspension, stream=stream))
        self.suspensions.pop(stream, None)

    async def put_snooze(self, snooze: Snooze) -> None:
        """Want no alerts of one label on one stream."""
        await self._store.run(partial(table.put_snooze, snooze=snooze))
        self.snoozes[snooze.stream, snooze.label] = snooze

    async def drop_snooze(self, stream: str, label: str) -> None:
        """Want the alerts of that label again."""
        await self._store.run(partial(table.drop_snooze, stream=stream, label=label))
        self.snoozes.pop((stream, label), None)

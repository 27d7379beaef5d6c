"""The media playlist as it moves: reloads in time, tells what is new, and an encoder that began anew."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streamwatch.capture.hls.master import is_master
from streamwatch.capture.hls.playlist import MediaPlaylist, Segment, text_of
from streamwatch.errors import SourceError
from streamwatch.network.session import GuardedSession
from streamwatch.records.capture import CapturePlan

MOST_AT_ONCE: Final = 32
"""Segments parsed in one go."""
_FAR_AHEAD: Final = 300
"""Segments that numbers may jump ahead before they are taken for new ones (the time of day, say), not for a loss."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


CLOCK: Final = Clock()
"""The real one."""


class Patience:
    """How long something may fail in a row before it counts."""

    def __init__(self, limit: float, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._since: float | None = None

    def worked(self) -> None:
        """It did not fail."""
        self._since = None

    def failed(self, error: SourceError, since: float | None = None) -> None:
        """It failed; raises ``error`` when it has done nothing else for longer than the limit.

        ``since``: when the attempt began (CLOCK_MONOTONIC), if the time that it took is to count.
        """
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now if since is None else since
        if now - self._since >= self.limit:
            raise error


@dataclass(frozen=True, slots=True)
class Loaded:
    """A playlist's text and where it came from in the end."""

    body: bytes
    text: str
    url: str


async def load_playlist(http: GuardedSession, url: str, plan: CapturePlan) -> Loaded:
    """Fetch a playlist of either kind; raises SourceError."""
    reply = await http.get(url, limit=plan.max_playlist_bytes, within=plan.read_timeout)
    return Loaded(reply.body, text_of(reply.body, reply.url), reply.url)


def media_playlist(loaded: Loaded) -> MediaPlaylist:
    """Raises SourceError ``bad_playlist`` when it is a master: those do not nest."""
    if is_master(loaded.text):
        raise SourceError("bad_playlist", "a rendition's playlist lists renditions again")
    return MediaPlaylist(loaded.text, loaded.url)


class PlaylistFeed:
    """One rendition's playlist. ``fresh`` gives what is new, ``advance`` waits for more."""

    def __init__(self, http: GuardedSession, url: str, plan: CapturePlan, loaded: Loaded, clock: Clock) -> None:
        self._http = http
        self._home = url
        self._url = loaded.url
        self._plan = plan
        self._clock = clock
        self._body = loaded.body
        self._loaded_at = clock.monotonic()
        self._new_at = self._loaded_at
        self._behind_since: float | None = None
        self.playlist = media_playlist(loaded)
        self.next_sequence = self.playlist.media_sequence
        self.restarted = False
        """The numbers began anew; the reader takes note and clears it."""
        self.stalled = False
        self._patience = Patience(plan.stall_after, clock)

    @property
    def stall_limit(self) -> float:
        """Seconds without a new segment after which the stream counts as stalled."""
        return max(self._plan.stall_after, 3 * self.playlist.target_duration)

    @property
    def age(self) -> float:
        """Seconds since a new segment was listed."""
        return self._clock.monotonic() - self._new_at

    @property
    def unread(self) -> int:
        """Segments from the next one to the newest."""
        return max(0, self.playlist.last_sequence - self.next_sequence + 1)

    @property
    def exhausted(self) -> bool:
        """True when every listed segment was given out."""
        return self.unread == 0

    def to_live_edge(self) -> int:
        """Go on with the newest segment; returns how many are passed over."""
        return self._go_to(self.playlist.last_sequence)

    def skip_lost(self) -> int:
        """Go on with the oldest segment that is still listed, if that is later; returns how many are passed over."""
        return self._go_to(self.playlist.media_sequence)

    def _go_to(self, sequence: int) -> int:
        passed = max(0, sequence - self.next_sequence)
        self.next_sequence += passed
        return passed

    def fresh(self) -> list[Segment]:
        """The next segments that were not given out yet, at most ``MOST_AT_ONCE``. Raises ``bad_playlist``."""
        segments = self.playlist.window(self.next_sequence, MOST_AT_ONCE)
        if segments:
            self.next_sequence = segments[-1].sequence + 1
        else:
            self.next_sequence = max(self.next_sequence, self.playlist.last_sequence + 1)
        return segments

    async def advance(self, patience: float) -> bool:
        """Wait and reload once; True when there is something new (segments, or the end).

        ``patience``: seconds that the caller can do without news. Raises SourceError when reloading has failed for
        too long.
        """
        await self._wait(patience)
        self._loaded_at = self._clock.monotonic()
        try:
            loaded = await load_playlist(self._http, self._url, self._plan)
            if loaded.body == self._body:
                self._patience.worked()
                return False
            playlist = media_playlist(loaded)
        except SourceError as error:
            self._url = self._home  # a redirect's target may have expired: ask anew
            self._patience.failed(error, self._loaded_at)
            return False
        self._patience.worked()
        self._body, self._url = loaded.body, loaded.url
        return self._adopt(playlist)

    async def _wait(self, patience: float) -> None:
        usual = self.playlist.usual_duration()
        unchanged = self._new_at < self._loaded_at
        if self.stalled:
            pause = self.playlist.target_duration
        elif unchanged:
            pause = min(usual, self.playlist.target_duration) / 2
        else:
            # Whoever samples every minute need not look every two seconds, but must notice a stall in time.
            pause = max(usual, min(patience, self.stall_limit / 3))
        due = self._loaded_at + pause
        await asyncio.sleep(max(0.0, due - self._clock.monotonic()))

    def _adopt(self, playlist: MediaPlaylist) -> bool:
        now = self._clock.monotonic()
        if playlist.last_sequence < self.next_sequence - 1 and not self._is_restart(playlist, now):
            return False  # an older state from another cache: it will catch up
        self._behind_since = None
        if playlist.media_sequence - self.next_sequence > max(_FAR_AHEAD, 2 * playlist.count):
            self._begin_anew(playlist)
        self.playlist = playlist
        if playlist.last_sequence >= self.next_sequence:
            self._new_at = now
            return True
        return playlist.ended

    def _is_restart(self, playlist: MediaPlaylist, now: float) -> bool:
        """Numbers that stay behind for longer than a cache would hold them back are an encoder's new beginning."""
        if self._behind_since is None:
            self._behind_since = now
        far = self.next_sequence - 1 - playlist.last_sequence > max(3, playlist.count)
        if not far and now - self._behind_since < 2 * self.playlist.target_duration:
            return False
        self._begin_anew(playlist)
        return True

    def _begin_anew(self, playlist: MediaPlaylist) -> None:
        self.restarted = True
        self.next_sequence = max(playlist.media_sequence, playlist.last_sequence)

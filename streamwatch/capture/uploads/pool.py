"""Uploads as the daemon sees them: pictures and videos go in, pixels or words come out, whatever was in them."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from structlog.typing import FilteringBoundLogger

from streamwatch.capture.uploads.clip_desk import Clip, ClipDesk
from streamwatch.capture.uploads.options import ClipPlan, UploadOptions
from streamwatch.capture.uploads.pictures import ClipFrame, Still, StillPicture
from streamwatch.capture.uploads.places import House, watch
from streamwatch.capture.uploads.still_desk import StillDesk

__all__ = ["Clip", "ClipFrame", "ClipPlan", "Still", "StillPicture", "UploadOptions", "UploadPool"]


class UploadPool:
    """Workers for stills and others for clips, kept alive. A still never waits behind a clip.

    An upload over which a worker died, hung or took too much memory is answered ``media_error`` and not tried again;
    others that were at the same worker go to the next one.
    """

    def __init__(
        self,
        options: UploadOptions,
        *,
        on_restart: Callable[[str], None],
        log: FilteringBoundLogger,
        rng: random.Random | None = None,
    ) -> None:
        """``on_restart`` hears why a worker was lost: died, hung, memory, protocol, heartbeat or spawn."""
        house = House(options, on_restart, log, rng or random.Random())  # noqa: S311 - jitter, not secrets
        self._stills = StillDesk(house, options.workers)
        self._clips = ClipDesk(house, options.clip_workers or options.workers)
        self._places = [*self._stills.places, *self._clips.places]

    async def run(self) -> None:
        """Keep the workers until cancelled; then end every one of them. What is open then ends as ``api_error``."""
        try:
            async with asyncio.TaskGroup() as group:
                for place in self._places:
                    group.create_task(place.keep(), name=f"upload-worker-{place.lane}-{place.number}")
                group.create_task(watch(self._places), name="upload-watchdog")
        finally:
            self._stills.close()
            self._clips.close()

    async def ready(self) -> None:
        """Wait until each of the first workers has said hello."""
        await asyncio.gather(*(place.ready.wait() for place in self._places))

    @property
    def pids(self) -> list[int]:
        """Process ids of those that run now: those for stills first."""
        return [place.pid for place in self._places if place.pid is not None]

    async def still(self, data: bytes, *, short_side: int, max_pictures: int = 16) -> Still:
        """Decode a picture, or at most ``max_pictures`` of an animation, evenly spread over it.

        Raises RequestError: ``media_error`` in words when it cannot be decoded, ``usage_limit`` when too many wait,
        ``api_error`` when it is no fault of the picture.
        """
        return await self._stills.ask(data, short_side, max_pictures)

    def clip(self, plan: ClipPlan) -> AbstractAsyncContextManager[Clip]:
        """Wait for a free worker and open a video file there; its pictures are read inside the context.

        Raises RequestError on entering like ``still``, and while it is iterated. Leaving early stops the worker.
        """
        return self._clips.open(plan)

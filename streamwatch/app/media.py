"""Pictures and videos for verbs that run without a daemon: decoded in upload workers, never beside torch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from streamwatch.app.silence import silent_log
from streamwatch.capture.uploads.pool import UploadOptions, UploadPool
from streamwatch.capture.uploads.sniffing import is_video
from streamwatch.errors import RequestError

_HEAD: Final = 4096
_LARGEST_PICTURE: Final = 256 * 1024 * 1024
_READY: Final = 60.0


@asynccontextmanager
async def upload_pool(*, stills: int = 1, clips: int = 1) -> AsyncIterator[UploadPool]:
    """Upload workers that are ready; ended on leaving."""
    options = UploadOptions(workers=stills, clip_workers=clips)
    pool = UploadPool(options, on_restart=lambda _: None, log=silent_log())
    running = asyncio.create_task(pool.run(), name="upload-pool")
    try:
        async with asyncio.timeout(_READY):
            await pool.ready()
        yield pool
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def holds_video(path: Path) -> bool:
    """By how the file begins. RequestError ``media_error`` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return is_video(file.read(_HEAD))
    except OSError as error:
        raise unreadable(error) from None


def read_picture(path: Path) -> bytes:
    """The whole file. RequestError ``media_error`` when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_PICTURE + 1)
    except OSError as error:
        raise unreadable(error) from None
    if len(data) > _LARGEST_PICTURE:
        raise RequestError("media_error", f"the picture is larger than {_LARGEST_PICTURE} bytes")
    return data


def unreadable(error: OSError) -> RequestError:
    """Why a file cannot be read, without its path: the caller names it as the operator did."""
    return RequestError("media_error", f"the file cannot be read: {error.strerror}")

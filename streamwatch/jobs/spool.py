"""Uploads on their way to the decoders: streamed to disk, bounded, one-time URLs, and nothing left behind."""

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Self

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError, StoreError
from streamwatch.jobs.tickets import Ticket, make_ticket, read_token
from streamwatch.store import jobs as jobs_table
from streamwatch.store.alert_store import AlertStore

DAY: Final = 86400.0
_BLOCK: Final = 1 << 20
_PATIENCE: Final = 60.0
"""Seconds without a byte after which an upload is given up."""
_RESERVE: Final = 256 << 20
"""Bytes that uploads leave free on the disk: the alerts' database lies on the same one."""


class Spool:
    """Files in ``<store folder>/uploads``, for their owner alone.

    A file that came by ``take`` goes when it is released; one that came by a ticket stays until it is older than
    ``keep`` seconds, so that it may be looked at more than once.
    """

    def __init__(
        self,
        folder: Path,
        store: AlertStore,
        key: bytes,
        *,
        keep: float,
        max_upload: int,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        reserve: int,
        patience: float,
    ) -> None:
        self._folder = folder
        self._store = store
        self._key = key
        self._log = log
        self._clock = clock
        self._reserve = reserve
        self._patience = patience
        self._uploads: dict[str, tuple[str, float]] = {}
        """Media id of a finished upload by ticket -> client, Unix seconds."""
        self._held: Counter[Path] = Counter()
        self.keep = keep
        """Seconds that unused uploads are kept; may be changed."""
        self.max_upload = max_upload
        """Bytes that an upload by ticket may have; may be changed."""
        self.welcome: Callable[[str], bool] = lambda client: True
        """Whether a client may still upload, whatever tickets it was given; may be changed."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        store: AlertStore,
        *,
        log: FilteringBoundLogger,
        keep: float = DAY,
        max_upload: int = 2 << 30,
        clock: Callable[[], float] = time.time,
        reserve: int = _RESERVE,
        patience: float = _PATIENCE,
    ) -> Self:
        """Make ``folder``/uploads and clear it of what an earlier life left behind. ``folder`` is the store's.

        Raises StoreError.
        """
        place = folder / "uploads"
        try:
            await asyncio.to_thread(place.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {place} cannot be made: {error.strerror}") from error
        key = await store.run(partial(jobs_table.upload_key, fresh=secrets.token_hex(32)))
        spool = cls(
            place,
            store,
            bytes.fromhex(key),
            keep=keep,
            max_upload=max_upload,
            log=log,
            clock=clock,
            reserve=reserve,
            patience=patience,
        )
        await store.run(jobs_table.return_torn_uploads)
        spool._uploads = await store.run(jobs_table.complete_uploads)
        known = set(spool._uploads)
        in_use = {Path(source).name for source in await store.run(jobs_table.sources_in_use)}
        await asyncio.to_thread(spool._sweep, known | in_use, clock() + DAY)
        return spool

    async def take(self, chunks: AsyncIterator[bytes], *, limit: int) -> Path:
        """Write the chunks to a new file; where it lies. Release it when it is of no more use.

        Raises RequestError: ``media_error`` (status 413) beyond ``limit`` bytes or when empty, ``request_error`` when
        nothing comes for too long, ``api_error`` when the disk does not take it. Nothing is left behind then.
        """
        return await self._receive(secrets.token_hex(16), chunks, limit)

    def ticket(self, client: str) -> Ticket:
        """A one-time upload URL's token; good for an hour, restarts or none."""
        return make_ticket(self._key, client, self._clock())

    async def redeem(self, token: str, chunks: AsyncIterator[bytes]) -> str:
        """Take the one upload that the token allows; its media id. A torn upload may be made again.

        Raises RequestError as ``take`` does, and ``argument_error`` for a token that is unknown, expired or used.
        """
        now = self._clock()
        grant = read_token(self._key, token, now)
        if not self.welcome(grant.client):
            raise RequestError("argument_error", "This upload URL is no longer valid", status=403)
        try:
            use = partial(jobs_table.use_ticket, media=grant.media, client=grant.client, now=now, expires=grant.expires)
            if not await self._store.run(use):
                raise RequestError("argument_error", "This upload URL was used already; ask for a new one", status=409)
            try:
                await self._receive(grant.media, chunks, self.max_upload)
            except BaseException:
                await asyncio.shield(self._store.run(partial(jobs_table.return_ticket, media=grant.media)))
                raise
            await self._store.run(partial(jobs_table.complete_ticket, media=grant.media))
        except StoreError:
            raise RequestError("api_error", "The upload cannot be written down; try again", retry_after=5.0) from None
        self._uploads[grant.media] = (grant.client, now)
        return grant.media

    def find(self, media: str, client: str) -> Path | None:
        """The file that this client uploaded under ``media``; None when there is none (any more)."""
        owner, _ = self._uploads.get(media, ("", 0.0))
        if media not in self._uploads or owner != client:
            return None
        self._uploads[media] = owner, self._clock()
        return self._folder / media

    def hold(self, path: Path) -> None:
        """Somebody reads the file: it stays until as many releases."""
        self._held[path] += 1

    async def release(self, path: Path) -> None:
        """The file is of no more use to this caller. Harmless when it is gone or lies elsewhere."""
        self._held[path] -= 1
        if self._held[path] > 0:
            return
        del self._held[path]
        if path.parent != self._folder:
            return
        if path.name not in self._uploads:
            await asyncio.to_thread(self._remove, path)
            return
        now = self._clock()
        self._uploads[path.name] = self._uploads[path.name][0], now
        try:
            await self._store.run(partial(jobs_table.touch_upload, media=path.name, now=now))
        except StoreError as error:  # after a restart it may go a little early
            self._log.warning("spool.use_not_noted", error=str(error))

    async def clean(self) -> None:
        """Remove uploads that nobody used for longer than ``keep`` seconds."""
        now = self._clock()
        for media, (_, used) in list(self._uploads.items()):
            if used < now - self.keep and self._folder / media not in self._held:
                del self._uploads[media]
                await asyncio.to_thread(self._remove, self._folder / media)
        known = {*self._uploads, *(path.name for path in self._held)}
        await asyncio.to_thread(self._sweep, known, now - self.keep)
        try:
            forget = partial(jobs_table.forget_uploads, before=now - self.keep, now=now, keep=list(self._uploads))
            await self._store.run(forget)
        except StoreError as error:
            self._log.warning("spool.not_cleaned", error=str(error))

    async def _receive(self, name: str, chunks: AsyncIterator[bytes], limit: int) -> Path:
        path = self._folder / name
        torn = path.with_suffix(".part")
        file = await asyncio.to_thread(self._create, torn)
        try:
            await self._fill(file, chunks, limit)
            await asyncio.to_thread(self._finish, file, torn, path)
        except OSError as error:
            await asyncio.shield(asyncio.to_thread(self._abandon, file, torn))
            raise self._fault(error) from None
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._abandon, file, torn))
            raise
        return path

    def _create(self, path: Path) -> BinaryIO:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._fault(error) from None
        return os.fdopen(descriptor, "wb")

    async def _fill(self, file: BinaryIO, chunks: AsyncIterator[bytes], limit: int) -> None:
        size, block = 0, bytearray()
        while (chunk := await self._next(chunks)) is not None:
            size += len(chunk)
            if size > limit:
                raise RequestError("media_error", f"The file is larger than {limit} bytes", status=413)
            block += chunk
            if len(block) >= _BLOCK:
                await asyncio.to_thread(self._write, file, bytes(block))
                block.clear()
        if not size:
            raise RequestError("media_error", "The file is empty")
        await asyncio.to_thread(self._write, file, bytes(block))

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                return await anext(chunks, None)
        except TimeoutError:
            raise RequestError("request_error", f"Nothing came for {self._patience:g} s", status=408) from None
        except OSError:
            raise RequestError("request_error", "The upload broke off") from None

    def _write(self, file: BinaryIO, block: bytes) -> None:
        if shutil.disk_usage(self._folder).free < self._reserve + len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(block)

    def _finish(self, file: BinaryIO, torn: Path, path: Path) -> None:
        """A job that survives the loss of power needs its file."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        torn.replace(path)

    def _abandon(self, file: BinaryIO, torn: Path) -> None:
        with contextlib.suppress(OSError):
            file.close()
        self._remove(torn)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._log.warning("spool.not_removed", error=error.strerror)

    def _sweep(self, known: set[str], before: float) -> None:
        """Remove every file last written before ``before`` that belongs to no upload and no unfinished job."""
        try:
            found = list(self._folder.iterdir())
        except OSError as error:
            self._log.error("spool.not_swept", error=error.strerror)
            return
        for path in found:
            with contextlib.suppress(OSError):
                if path.name not in known and path.is_file() and path.stat().st_mtime < before:
                    self._remove(path)

    def _fault(self, error: OSError) -> RequestError:
        self._log.error("spool.write_failed", error=error.strerror)
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        words = "no space left for uploads" if full else "the disk does not take it"
        return RequestError("api_error", f"The file cannot be kept: {words}", retry_after=60.0)

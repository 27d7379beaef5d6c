"""A whole server of the compatible API from the real parts, an origin beside it, and a receiver of callbacks."""

import asyncio
import json
import random
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from streamwatch.app.callbacks import JobCallbacks
from streamwatch.capture.uploads.options import UploadOptions
from streamwatch.capture.uploads.pool import UploadPool
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.inference.model import EncoderModel
from streamwatch.inference.worker import InferenceOptions, InferenceWorker
from streamwatch.jobs.feedback import Feedback
from streamwatch.jobs.fetching import Fetcher
from streamwatch.jobs.ids import media_id, stream_id
from streamwatch.jobs.job_desk import JobDesk
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.spool import Spool
from streamwatch.jobs.stills import Stills
from streamwatch.network.connections import Connections
from streamwatch.records.frame import Pixels
from streamwatch.settings.schema import Settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.feedback import Example, FeedbackStore, read_examples
from streamwatch.store.history import History
from streamwatch.web.access import Doorkeeper
from streamwatch.web.compat.routes import compat_routes
from streamwatch.web.compat.services import CompatServices, Limits
from streamwatch.web.listeners import Address, Listeners, Site
from streamwatch.web.middlewares import usual_middlewares
from streamwatch.web.proxies import Proxies
from tests.media import draw, segment
from tests.origin import Origin
from tests.receiver import Receiver
from tests.store.samples import Log
from tests.web.compat.raw import Part

USER: Final = "shop"
SECRET: Final = "correct-horse-battery"
CALLBACK_SECRET: Final = "casec_0123456789abcdef"
OTHER: Final = ("rival", "another-long-secret")
POOR: Final = ("poor", "no-scopes-to-speak-of")
MAX_IMAGE: Final = 256 * 1024
MAX_VIDEO: Final = 4 * 1024**2
PLAYLIST: Final = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\nseven.ts\n"


@dataclass
class House:
    """The server and what stands around it."""

    port: int
    folder: Path
    """Holds image.jpg, other.png and video.mp4."""
    store: Path
    origin: Origin
    receiver: Receiver
    desk: JobDesk
    unsupported: list[str]
    limits: Limits
    """May be replaced; asked on every request."""
    streams: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a stream is watched."""
    log: Log = field(default_factory=Log)
    public_url: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_user": USER, "api_secret": SECRET}

    @property
    def picture(self) -> Path:
        return self.folder / "image.jpg"

    @property
    def video(self) -> Path:
        return self.folder / "video.mp4"

    @property
    def picture_part(self) -> Part:
        return Part("media", self.picture.read_bytes(), "image.jpg", "image/jpeg")

    @property
    def video_part(self) -> Part:
        return Part("media", self.video.read_bytes(), "video.mp4", "video/mp4")

    @property
    def has_curl(self) -> bool:
        return shutil.which("curl") is not None

    def pointed(self, line: str) -> str:
        """A published curl line with this server's host and credentials, and media and callbacks of this machine."""
        changes = {
            "https://api.sightengine.com": self.url,
            "{api_user}": USER,
            "{api_secret}": SECRET,
            "https://sightengine.com/assets/img/examples/example-fac-1000.jpg": self.origin.url("/picture.jpg"),
            "https://domain.tld/path/video.m3u8": self.origin.url("/live.m3u8"),
            "https://yourcallback/path": self.receiver.url,
            "https://your.callback.url/path": self.receiver.url,
            "@/path/to/": f"@{shlex.quote(str(self.folder))}/",
        }
        for old, new in changes.items():
            line = line.replace(old, new)
        return line

    def uploads(self) -> list[str]:
        """What lies in the spool."""
        return sorted(path.name for path in (self.store / "uploads").iterdir())

    async def examples(self) -> list[Example]:
        """What feedback was kept."""
        return await asyncio.to_thread(lambda: list(read_examples(self.store / "history.db")))

    async def final(self, media: str) -> dict[str, Any]:
        """The job's last callback."""
        count = 0
        while True:
            count += 1
            for received in await self.receiver.wait_for(count):
                body: dict[str, Any] = json.loads(received.body)
                if body["media"]["id"] == media and body["data"]["status"] != "ongoing":
                    return body
            count = len(self.receiver.requests)

    async def watched(self, media: str) -> Mapping[str, Any]:
        """The entry of the stream that is watched for the job, once it is."""
        stream = stream_id(media)
        async with asyncio.timeout(10):
            while stream not in self.streams:
                self.news.clear()
                await self.news.wait()
        return self.streams[stream]


@asynccontextmanager
async def open_house(folder: Path, model: EncoderModel) -> AsyncIterator[House]:
    """Everything up, and down again."""
    await asyncio.to_thread(_make_media, folder)
    store_folder = folder / "store"
    log = Log()
    logger = log.logger
    settings = Settings.model_validate(
        {
            "network": {"allow": ["127.0.0.0/8"]},
            "api": {
                "rate": 10_000,
                "clients": [
                    {"user": USER, "secret": SECRET, "callback_secret": CALLBACK_SECRET},
                    {"user": OTHER[0], "secret": OTHER[1]},
                    {"user": POOR[0], "secret": POOR[1], "scopes": ["moderate"]},
                ],
            },
        }
    )
    streams: dict[str, Mapping[str, Any]] = {}

    async def watch(entry: Mapping[str, Any], *, client: str, job: str) -> None:
        streams[entry["id"]] = entry
        house.news.set()

    async def unwatch(stream: str) -> None:
        streams.pop(stream, None)
        desk.on_removed(stream)

    async with AsyncExitStack() as stack:
        store = await AlertStore.open(store_folder, log=logger)
        stack.push_async_callback(store.close)
        history = await History.open(store_folder, log=logger)
        stack.push_async_callback(history.close)
        connections = await stack.enter_async_context(Connections())
        fetcher = Fetcher(connections=connections, allow=("127.0.0.0/8",))
        spool = await Spool.open(store_folder, store, log=logger, max_upload=MAX_VIDEO)
        worker = InferenceWorker(
            lambda: model,
            InferenceOptions(max_batch=4, max_wait=0.005),
            on_result=lambda _: None,
            on_batch=lambda _: None,
            log=logger,
        )
        await worker.start()
        stack.push_async_callback(worker.stop, 0.5)
        pool = UploadPool(UploadOptions(), on_restart=lambda _: None, log=logger, rng=random.Random(1))
        alerts = AlertDesk(store, (), log=logger)
        desk = JobDesk(
            store=store,
            history=history,
            spool=spool,
            fetcher=fetcher,
            clips=pool,
            score=worker.score,
            watch=watch,
            unwatch=unwatch,
            callbacks=JobCallbacks(alerts, lambda: settings, lambda: (), logger),
            thresholds={},
            short_side=model.short_side,
            limits=JobLimits(max_sync_duration=20.0),
            log=logger,
            tick=0.2,
        )
        for name, organ in (("pool", pool.run), ("alerts", alerts.run), ("desk", desk.run)):
            task = asyncio.create_task(organ(), name=name)
            stack.push_async_callback(_end, task)
        await pool.ready()

        origin = await stack.enter_async_context(Origin())
        origin.files["/picture.jpg"] = (folder / "image.jpg").read_bytes()
        origin.files["/video.mp4"] = (folder / "video.mp4").read_bytes()
        origin.files["/live.m3u8"] = PLAYLIST
        receiver = Receiver()
        await receiver.start()
        stack.push_async_callback(receiver.stop)
        house = House(
            port=0,
            folder=folder,
            store=store_folder,
            origin=origin,
            receiver=receiver,
            desk=desk,
            unsupported=[label for label, one in model.coverage.items() if one.status == "unsupported"],
            limits=Limits(max_image_size=MAX_IMAGE, max_video_size=MAX_VIDEO, max_duration=3600.0),
            streams=streams,
            log=log,
        )
        services = CompatServices(
            door=Doorkeeper(settings.api),
            stills=Stills(pool, worker.score, short_side=model.short_side),
            fetcher=fetcher,
            spool=spool,
            jobs=desk,
            feedback=Feedback(
                pool,
                worker.features,
                FeedbackStore(history, store_folder),
                short_side=model.short_side,
                keep_pictures=False,
                new_id=media_id,
            ),
            limits=lambda: house.limits,
            public_url=lambda: house.public_url,
        )
        middlewares = usual_middlewares(logger, Proxies())
        site = Site(Address("127.0.0.1", 0), compat_routes(services), middlewares)
        listeners = await stack.enter_async_context(Listeners([site], log=logger))
        house.port = listeners.bound[0][1]
        yield house


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _make_media(folder: Path) -> None:
    Image.fromarray(draw(3)).save(folder / "image.jpg", quality=90)
    noise: Pixels = np.random.default_rng(5).integers(0, 255, (120, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "other.png")
    (folder / "video.mp4").write_bytes(segment(0, 50, container="mp4", start=0.0))

"""The HTTP API of the real daemon: a picture, a stored video over a hard kill, a live stream from submission to end."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.demo.origin import Origin, Programme
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.labels import LABELS_OF
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.scenes import gore_clip
from tests.peers import Peers
from tests.receiver import Received, Receiver

ENTER = read_manifest(find_weights("starter")).labels["gore.prob"].enter or 0.5
USER, SECRET, CALLBACK_SECRET = "acme", "a-secret-of-acme", "casec_of-acme"
CREDENTIALS = {"api_user": USER, "api_secret": SECRET}
CLIENT = f"""
[network]
allow = ["127.0.0.0/8"]
[[api.clients]]
user = "{USER}"
secret = "{SECRET}"
scopes = ["admin"]
callback_secret = "{CALLBACK_SECRET}"
[api]
progress_every = "2s"
"""


def gore_for_ever(t: float, width: int, height: int) -> object:
    return gore_scene(8.0 + t % 6.0, width, height)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    programmes = {
        "gore": Programme(gore_for_ever, lambda t: t),  # type: ignore[arg-type]
        "calm": Programme(harmless_scene, lambda t: t),
    }
    async with Origin(programmes) as serving:
        yield serving


class Api:
    """A client of both APIs."""

    def __init__(self, daemon: Daemon, session: aiohttp.ClientSession) -> None:
        self._base = f"http://127.0.0.1:{daemon.port}"
        self._session = session

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        more.setdefault("params", {}).update(CREDENTIALS if path.startswith("/1.0") else {})
        headers = {} if path.startswith("/1.0") else {"Authorization": f"Bearer {USER}.{SECRET}"}
        async with self._session.request(method, self._base + path, headers=headers, **more) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else {}

    async def upload(self, path: str, file: Path, **fields: str) -> dict[str, Any]:
        """A multipart POST that succeeds."""
        form = aiohttp.FormData({**fields, **CREDENTIALS})
        with file.open("rb") as content:
            form.add_field("media", content, filename=file.name)
            status, document = await self.ask("POST", path, data=form)
        assert status == 200, document
        return document

    async def poll(self, media: str) -> dict[str, Any]:
        """``data`` of a job."""
        status, document = await self.ask("GET", "/1.0/video/byid.json", params={"id": media})
        assert status == 200, document
        data: dict[str, Any] = document["output"]["data"]
        return data


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as opened:
        yield opened


def body_of(received: Received) -> dict[str, Any]:
    """The document of a callback, its signature checked as a receiver of the original service does."""
    parts = dict(part.split("=", 1) for part in received.headers["Sightengine-Signature"].split(","))
    expected = hmac.new(CALLBACK_SECRET.encode(), f"{parts['t']}.".encode() + received.body, hashlib.sha256)
    assert hmac.compare_digest(parts["v1"], expected.hexdigest())
    document: dict[str, Any] = json.loads(received.body)
    return document


async def callbacks(receiver: Receiver, status: str) -> list[dict[str, Any]]:
    return [body for body in map(body_of, receiver.requests) if body["data"]["status"] == status]


async def test_a_picture_is_looked_at_by_the_models_that_were_asked_for(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    daemon = Daemon(tmp_path, CLIENT)
    await daemon.start()
    try:
        api = Api(daemon, session)
        gory, calm = tmp_path / "gory.png", tmp_path / "calm.jpg"
        Image.fromarray(gore_scene(10.0, 640, 360)).save(gory)
        Image.fromarray(harmless_scene(10.0, 640, 360)).save(calm)

        async def ready() -> bool:
            return bool((await daemon.ready())["ok"])

        await daemon.until("the daemon to be ready", ready)  # and then the API answers
        found = await api.upload("/1.0/check.json", gory, models="gore-2.0,self-harm")
        assert found["status"] == "success"
        assert found["gore"]["prob"] >= ENTER
        assert set(found["gore"]["classes"]) == {
            label.rsplit(".", 1)[1] for label in LABELS_OF["gore-2.0"] if ".classes." in label
        }
        assert found["self-harm"]["prob"] < 0.5
        assert found["self-harm"]["type"]["real"] == 0.0, "these weights cannot see it"
        assert (await api.upload("/1.0/check.json", calm, models="gore"))["gore"]["prob"] < ENTER / 2
        status, refused = await api.ask("GET", "/1.0/check.json", params={"models": "gore", "url": "http://10.0.0.1/"})
        assert (status, refused["status"]) == (400, "failure")
        log = daemon.log.read_text()
        assert SECRET not in log
        assert CALLBACK_SECRET not in log
        assert await daemon.metric("streamwatch_frames_scored_total", stream="api") == 2
    finally:
        await daemon.process.stop(grace=20.0)


async def test_a_stored_video_survives_a_hard_kill_and_its_result_is_called_back(
    peers: Peers, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    daemon = Daemon(tmp_path, CLIENT)
    clip = gore_clip(tmp_path)
    await daemon.start()
    api = Api(daemon, session)

    async def answers() -> bool:
        return (await api.ask("GET", "/1.0/video/ongoing.json"))[0] == 200

    await daemon.until("the API to answer", answers)
    taken = await api.upload("/1.0/video/check.json", clip, models="gore-2.0", interval="1", callback_url=receiver.url)
    media = taken["media"]["id"]
    await daemon.process.kill()
    await daemon.start()
    try:
        await daemon.until("the API to answer again", answers)

        async def finished() -> Any:
            data = await api.poll(media)
            return data if data["status"] != "ongoing" else None

        data = await daemon.until("the job to end", finished, within=60)
        assert data["status"] == "finished"
        assert data["progress"] == 1
        positions = [frame["info"]["position"] for frame in data["frames"]]
        assert positions == sorted(set(positions))
        assert len(positions) == data["operations"] >= 30
        scores = [frame["gore"]["prob"] for frame in data["frames"]]
        assert max(scores) >= ENTER
        assert min(scores) < ENTER / 2
        receiver.status = 200

        async def told() -> Any:
            return await callbacks(receiver, "finished")

        (final, *again) = await daemon.until("the final callback", told, within=60)
        assert final["media"]["id"] == media
        assert len(final["data"]["frames"]) == len(positions)
        assert all(body == final for body in again), "retried as it was"
        assert (await api.ask("GET", "/1.0/video/ongoing.json"))[1]["ongoing"] == []
    finally:
        await daemon.process.stop(grace=20.0)


async def test_a_live_stream_by_the_api_is_a_stream_like_any_other_until_it_is_stopped(
    peers: Peers, tmp_path: Path, origin: Origin, session: aiohttp.ClientSession
) -> None:
    receiver = await peers.receiver()
    own = f'[[streams]]\nid = "lobby"\nurl = "{origin.url("calm")}"\n'
    daemon = Daemon(tmp_path, CLIENT + own)
    await daemon.start()
    try:
        api = Api(daemon, session)
        await daemon.until_state("lobby", "live")
        wanted = {"stream_url": origin.url("gore"), "models": "gore-2.0", "interval": "1", "callback_url": receiver.url}
        status, taken = await api.ask("GET", "/1.0/video/check.json", params=wanted)
        assert status == 200, taken
        media = taken["media"]["id"]

        async def listed() -> Any:
            streams = (await api.ask("GET", "/api/v1/streams"))[1]["streams"]
            return next((one for one in streams if one["origin"] == "api" and one["state"]["name"] == "live"), None)

        stream = await daemon.until("the stream to be listed", listed)
        assert stream["job"] == media
        assert await daemon.state(stream["id"]) == "live"

        async def alerted() -> Any:
            return [body for body in await callbacks(receiver, "ongoing") if "alert" in body]

        alert = (await daemon.until("the alert at the callback", alerted, within=60))[0]
        assert alert["media"]["id"] == media
        assert alert["data"]["frames"][0]["gore"]["prob"] >= ENTER

        async def progress() -> Any:
            return [body for body in await callbacks(receiver, "ongoing") if "alert" not in body]

        assert (await daemon.until("a report of progress", progress))[0]["data"]["frames"]
        incidents = (await api.ask("GET", "/api/v1/incidents"))[1]["incidents"]
        assert [one["stream"] for one in incidents] == [stream["id"]]

        assert (await api.ask("DELETE", "/1.0/video/byid.json", params={"id": media}))[0] == 200

        async def told() -> Any:
            return await callbacks(receiver, "stopped")

        await daemon.until("the last callback", told)
        assert await daemon.state(stream["id"]) == "", "its series are gone"
        assert await daemon.state("lobby") == "live"
        assert (await api.poll(media))["frames"]
    finally:
        await daemon.process.stop(grace=20.0)

"""The real daemon shows an incident's pictures to an endpoint, says its opinion, and gets on without it."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from streamwatch.settings.questions import default_questions
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.scenes import HEIGHT, WIDTH, gore_clip
from tests.peers import Peers
from tests.second_opinion.vlm import KEY, MODEL, vlm, weighs


@pytest.mark.timeout(180)
async def test_pictures_go_to_the_endpoint_and_its_opinion_into_the_alert(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    clip = gore_clip(tmp_path, lead=3.0, seconds=16.0)
    async with vlm(weighs(0.9)) as endpoint:
        daemon = Daemon(
            tmp_path / "daemon",
            f"""
[second_opinion]
base_url = "{endpoint.url}"
model = "{MODEL}"
api_key = "{KEY}"
mode = "confirm"
timeout = "20s"
[[webhooks]]
name = "moderators"
url = "{receiver.url}"
[[streams]]
id = "clip"
url = "file://{clip}"
interval = "1s"
""",
        )
        await daemon.start()
        try:
            (first, *_) = await receiver.wait_for(1, within=60.0)
            assert (await daemon.ready())["warnings"] == []
            assert await daemon.metric("streamwatch_second_opinions_total", outcome="confirmed") >= 1
            assert await daemon.metric("streamwatch_second_opinion_seconds_count") >= 1
        finally:
            await daemon.process.stop(grace=20.0)
    alert = json.loads(first.body)["alert"]
    assert (alert["event"], alert["confirmed"], alert["doubted"]) == ("opened", True, False)
    assert alert["second_opinion"]["questions"] == default_questions().name
    assert {one["label"] for one in alert["second_opinion"]["answers"]} == set(alert["labels"])
    shown = endpoint.asked[0]["messages"][0]["content"][0]["image_url"]["url"]
    picture = Image.open(io.BytesIO(base64.b64decode(shown.removeprefix("data:image/jpeg;base64,"))))
    assert picture.size == (WIDTH, HEIGHT)
    log = daemon.log.read_text()
    assert daemon.events("second_opinion.given")
    assert KEY not in log
    assert "base64" not in log

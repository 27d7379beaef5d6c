"""A clip, nginx that plays it, and plans for URLs that came by the API."""

from pathlib import Path

import pytest

from tests.media import Look, draw
from tests.peers import Nginx, Peers
from tests.publisher import write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """30 s, 10 pictures a second, a keyframe every second."""
    look = Look()
    return write_clip(tmp_path / "clip.flv", [draw(number, look) for number in range(300)])


@pytest.fixture
async def live(peers: Peers, clip: Path) -> Nginx:
    nginx = await peers.nginx()
    await peers.publisher(nginx.rtmp_url("a"), clip)
    return nginx

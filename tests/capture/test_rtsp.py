"""RTSP is read over TCP, keyframe by keyframe, like any other packet source."""

from pathlib import Path

import av.error

from streamwatch.app.probing import ProbeOptions, probe
from streamwatch.capture.packets.faults import while_reading
from streamwatch.demo.drawings import harmless_scene
from tests.publisher import write_clip
from tests.rtsp import RtspServer


async def test_live_rtsp_stream_gives_frames(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "clip.mp4", [harmless_scene(n / 12, 426, 240) for n in range(48)], fps=12, keyframe_every=12
    )
    async with RtspServer(clip) as server:
        report = await probe(ProbeOptions(server.url, 12.0, 1.0, "starter"))
        assert "PLAY" in server.requests
    assert report["ok"], report["problem"]
    assert (report["source"]["codec"], report["source"]["width"], report["source"]["height"]) == ("h264", 426, 240)
    assert report["frames"] >= 3
    assert "pw" not in report["url"]


def test_every_http_answer_of_libav_has_a_code_of_its_own_kind() -> None:
    kinds = [kind for name, kind in vars(av.error).items() if name.startswith("HTTP") and name.endswith("Error")]
    codes = {kind.__name__: while_reading(kind(1, "x"), silent=0.0, limit=5.0).code for kind in kinds}
    assert "internal" not in codes.values()
    assert codes["HTTPBadRequestError"] == "http_error"
    assert codes["HTTPForbiddenError"] == "unauthorised"

"""``score``: the API's JSON for files and URLs, from the command line."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from streamwatch.app.score_report import ScoreReport
from streamwatch.cli.main import main
from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.labels import LABELS
from tests.app.drawn_data import SIZE, write_clip
from tests.media import segment
from tests.peers import Peers

ENTER = read_manifest(find_weights("starter")).labels["gore.prob"].enter or 0.5


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    Image.fromarray(gore_scene(8.0, *SIZE)).save(folder / "gore.png")
    Image.fromarray(harmless_scene(8.0, *SIZE)).save(folder / "sea.jpg")
    write_clip(folder / "clip.mp4", 20, gore=True)
    (folder / "words.png").write_text("hello")
    (folder / "torn.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:300])
    return folder


def test_json_is_one_object_a_line_in_order_and_failures_do_not_stop_the_rest(
    media: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["gore.png", "words.png", "clip.mp4", "nowhere.jpg", "torn.mp4", "sea.jpg"]
    assert main(["score", *(str(media / name) for name in names), "--json"]) == 1
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["media"]["uri"] for line in lines] == [str(media / name) for name in names]
    gore, words, clip, nowhere, torn, sea = lines
    assert [line["status"] for line in lines] == ["success", "failure", "success", "failure", "failure", "success"]
    assert gore["gore"]["prob"] >= ENTER
    assert sea["gore"]["prob"] < ENTER
    assert set(gore) == {"status", "request", "self-harm", "gore", "media"}
    assert gore["request"]["operations"] == 2
    assert {error["error"]["type"] for error in (words, nowhere, torn)} == {"media_error"}
    assert "No such file" in nowhere["error"]["message"]
    frames = clip["data"]["frames"]
    assert [frame["info"]["position"] for frame in frames] == [second * 2000 for second in range(10)]
    visible = [frame for frame in frames if 6000 <= frame["info"]["position"] < 16000]
    high = [frame for frame in frames if frame["gore"]["prob"] >= ENTER]
    assert all(frame in visible for frame in high)
    assert len(high) > len(visible) / 2
    assert clip["request"]["operations"] == 20
    labels = {f"gore.classes.{name}" for name in frames[0]["gore"]["classes"]}
    assert labels <= set(LABELS)


def test_table_shows_the_highest_of_a_video_and_words_for_a_failure(
    media: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["score", str(media / "clip.mp4"), str(media / "words.png"), "--interval", "5"]) == 1
    said = capfd.readouterr().out
    assert "4 frames" in said
    assert "skull" in said
    assert "no picture that can be read" in said


def test_names_are_printed_as_they_are_and_what_is_not_detected_is_no_zero() -> None:
    report, console = ScoreReport({"self-harm.prob"}), Console(width=120, record=True, file=io.StringIO())
    scores = {"self-harm": {"prob": 0.0}, "gore": {"prob": 0.25, "classes": {"skull": 0.0}}}
    report.add({"status": "success", "media": {"uri": "a[/x].png"}, **scores})
    report.add({"status": "failure", "media": {"uri": "[red].png"}, "error": {"message": "no [/b] picture"}})
    report.show(console)
    said = console.export_text()
    for words in ("a[/x].png", "not detected", "0.2500", "[red].png", "no [/b] picture"):
        assert words in said


async def test_urls_are_fetched_streams_are_watched_and_credentials_are_masked(
    peers: Peers, media: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nginx = await peers.nginx()
    for name in ("gore.png", "clip.mp4"):
        (nginx.www / name).write_bytes((media / name).read_bytes())
    secret = nginx.url("gore.png").replace("http://", "http://user:pw@")
    dead = "rtmp://127.0.0.1:1/live/key"
    command = ["score", secret, nginx.url("clip.mp4"), nginx.url("none.jpg"), dead, "--seconds", "2", "--json"]
    assert await asyncio.to_thread(main, command) == 1
    said = capfd.readouterr().out
    assert "pw" not in said
    picture, clip, none, stream = (json.loads(line) for line in said.splitlines())
    assert picture["gore"]["prob"] >= ENTER
    assert len(clip["data"]["frames"]) == 10
    assert none["error"]["type"] == stream["error"]["type"] == "media_error"


async def test_a_stream_is_watched_for_as_long_as_was_asked(peers: Peers, capfd: pytest.CaptureFixture[str]) -> None:
    nginx = await peers.nginx()
    for number in range(3):
        (nginx.www / f"{number}.ts").write_bytes(segment(number * 20, 20))
    entries = "".join(f"#EXTINF:2.0,\n{number}.ts\n" for number in range(3))
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
    (nginx.www / "live.m3u8").write_text(f"{head}{entries}#EXT-X-ENDLIST\n")
    command = ["score", nginx.url("live.m3u8"), "--seconds", "20", "--json"]
    assert await asyncio.to_thread(main, command) == 0
    (line,) = capfd.readouterr().out.splitlines()
    frames = json.loads(line)["data"]["frames"]
    assert [frame["info"]["position"] for frame in frames] == [0, 2000, 4000]
    assert frames[0]["info"]["id"].endswith("_1")


def test_weights_that_are_not_there_are_said_once(media: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(media / "gore.png"), "--weights", "nope", "--json"]) == 1
    said = capfd.readouterr()
    assert "no weights are named" in said.err
    assert said.out == ""

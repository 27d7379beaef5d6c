"""The API benchmark's arithmetic: what it subtracts, what it counts, what it calls an answer."""

import asyncio
import json
import math
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

from benchmarks.api import CLIENTS, Load, configuration, tree_cpu
from benchmarks.api_figures import (
    Answer,
    Stretch,
    Watched,
    coverage,
    coverage_under_load,
    cpu_per_image,
    figure,
    lowest_coverage,
    percentile,
    within,
)
from benchmarks.clients import Clients, fault_of, form
from benchmarks.photographs import SIZES, write_photographs
from benchmarks.talker import talking
from streamwatch.settings.load import load_settings


def test_the_streams_share_is_taken_away() -> None:
    load = Stretch(seconds=10.0, cpu=9.0, images=200)
    idle = [Stretch(5.0, 1.5), Stretch(10.0, 4.0)]  # 0.3 and 0.4 a second
    assert cpu_per_image(load, idle) == pytest.approx((9.0 - 3.5) / 200)


def test_no_image_costs_nothing_that_could_be_told() -> None:
    assert math.isnan(cpu_per_image(Stretch(10.0, 9.0), [Stretch(5.0, 1.0)]))


def test_only_answers_within_the_stretch_count() -> None:
    answers = [Answer(ended, 1.0, ok=True) for ended in (0.9, 1.0, 1.9, 2.0)]
    assert [answer.ended for answer in within(answers, 1.0, 2.0)] == [1.0, 1.9]


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_coverage_is_of_the_time_between() -> None:
    before = Watched({"a": 100.0, "b": 100.0}, {"a": 10.0, "b": 100.0})
    after = Watched({"a": 110.0, "b": 110.0}, {"a": 20.0, "b": 106.0})
    assert coverage(before, after) == pytest.approx(16 / 20)
    assert lowest_coverage(before, after) == pytest.approx(0.6)
    assert figure(coverage(before, before), 4) is None


def test_a_frame_that_covers_what_is_to_come_makes_no_more_than_all() -> None:
    assert coverage(Watched({"a": 0.0}, {"a": 0.0}), Watched({"a": 10.0}, {"a": 12.0})) == 1.0


def test_what_is_missing_is_put_down_to_the_load() -> None:
    assert coverage_under_load(0.99, 0.5) == pytest.approx(0.98)
    assert coverage_under_load(1.0, 0.5) == 1.0
    assert coverage_under_load(0.2, 0.5) == 0.0


def test_the_ratio_is_of_costs_side_by_side() -> None:
    load = Load(costs=[0.02, 0.05, 0.04], loop_costs=[0.01, 0.04, 0.03])
    assert load.ratio == 0.75


def test_figures_of_a_load() -> None:
    answers = [Answer(1.0, 0.1, ok=True)] * 98 + [Answer(1.0, 0.9, ok=True)] * 2 + [Answer(1.0, 5.0, ok=False)]
    found = Load([0.02], [0.016], answers, 10.0, 3.0, [4.0]).figures()
    assert (found["images_per_second"], found["latency_p50"], found["latency_p99"]) == (10.0, 0.1, 0.9)
    assert (found["refused"], found["mean_batch"], found["frames_unscored"]) == (1, 4.0, 3.0)
    assert (found["cpu_ms_per_image"], found["loop_ms_per_image"]) == (20.0, 16.0)


async def test_a_childs_time_counts_also_when_it_has_ended() -> None:
    code = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint('done', flush=True)\ninput()"
    )
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code.format(busy=busy), stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    await process.stdout.readline()
    assert tree_cpu(process.pid) >= 0.29
    process.kill()
    await process.wait()


def test_the_daemon_takes_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.write_text(f'[store]\npath = "{tmp_path}"\n' + configuration(20, "http://127.0.0.1:1/master.m3u8"))
    loaded = load_settings(file, {})
    assert len(loaded.settings.streams) == 20
    assert not loaded.faults
    assert loaded.settings.api.clients[0].user == "bench"


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (200, {"status": "success", "self-harm": {}, "gore": {}}, ""),
        (200, {"status": "success", "gore": {}}, "200 without scores"),
        (429, {"status": "failure", "error": {"type": "usage_limit"}}, "429 usage_limit"),
        (500, {}, "500 without scores"),
    ],
)
def test_only_both_models_scores_are_an_answer(status: int, answer: dict[str, object], fault: str) -> None:
    assert fault_of(status, answer) == fault


async def test_clients_post_what_a_browser_would_and_time_it() -> None:
    parts: list[dict[str, object]] = []

    async def check(request: web.Request) -> web.Response:
        got = await request.post()
        upload = got["media"]
        assert isinstance(upload, web.FileField)
        parts.append({"models": got["models"], "user": got["api_user"], "name": upload.filename})
        assert upload.file.read() == b"picture"
        if len(parts) == 1:
            return web.json_response({"status": "failure", "error": {"type": "usage_limit"}}, status=429)
        return web.json_response({"status": "success", "self-harm": {}, "gore": {}})

    app = web.Application()
    app.router.add_post("/1.0/check.json", check)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/1.0/check.json"
        body = form({"models": "self-harm,gore-2.0", "api_user": "bench"}, b"picture", "a.jpg")
        began = time.monotonic()
        sent = await Clients(url, [body]).turn(3, 0.3)
    finally:
        await runner.cleanup()
    assert parts[0] == {"models": "self-harm,gore-2.0", "user": "bench", "name": "a.jpg"}
    assert sent.faults == {"429 usage_limit": 1}
    assert [ok for _, _, ok in sent.answers].count(False) == 1
    assert len(sent.answers) == len(parts) > 6
    assert all(began < ended and 0 < seconds < 5 for ended, seconds, _ in sent.answers)
    assert json.loads(json.dumps(sent.answers))


async def test_the_loop_scores_files_in_a_process_of_its_own(tmp_path: Path) -> None:
    write_photographs(tmp_path, 2)
    async with talking("benchmarks.still_loop", str(tmp_path), "starter", "1") as loop:
        assert loop.greeting["threads"] == 1
        turn = await loop.ask("2 0.2")
    assert turn["images"] >= 2
    assert 0 < turn["cpu"] / turn["images"] < 5


def test_photographs_are_jpeg_files_of_many_sizes(tmp_path: Path) -> None:
    files = write_photographs(tmp_path, len(SIZES))
    sizes = []
    for file in files:
        with Image.open(file) as image:
            assert image.format == "JPEG"
            sizes.append(image.size)
    assert tuple(sizes) == SIZES
    assert 30_000 < files[0].stat().st_size < 600_000
    assert CLIENTS == (1, 8, 64)

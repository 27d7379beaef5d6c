"""What the settings accept fits into what a capture worker is told."""

import json
from pathlib import Path

from streamwatch.capture.plain import FROM_DAEMON, from_plain, to_plain
from streamwatch.capture.wire import encode
from streamwatch.records.capture import CapturePlan
from streamwatch.settings.effective import stream_view
from streamwatch.settings.load import load_settings


def test_the_longest_url_proxy_and_headers_reach_a_worker(tmp_path: Path) -> None:
    url = "https://h/a.m3u8?token="
    # In JSON as it is sent, a letter beyond ASCII takes three times its bytes.
    url += "é" * ((16 * 1024 - len(url)) // 2)
    headers = {"Cookie": "é" * 2700, "X-Token": "x" * 16_000}
    file = tmp_path / "streamwatch.toml"
    file.write_text(
        "[[streams]]\n"
        f"id = {json.dumps('a' * 63)}\nurl = {json.dumps(url, ensure_ascii=False)}\n"
        f"proxy = {json.dumps(url, ensure_ascii=False)}\n"
        f"headers = {{ {', '.join(f'{name} = {json.dumps(text)}' for name, text in headers.items())} }}\n"
        "[network]\n"
        f"allow = {json.dumps([f'10.{number // 256}.{number % 256}.0/24' for number in range(256)])}\n"
    )
    plan = stream_view(load_settings(file, {}).settings, "a" * 63).plan(short_side=224, rendition_height=240)
    message = encode({"kind": "start", "number": 1, "plan": to_plain(plan)})
    told = json.loads(message[8:])["plan"]
    assert from_plain(CapturePlan, told, FROM_DAEMON) == plan

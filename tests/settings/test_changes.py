"""A reload touches what differs and nothing else."""

from typing import Any

import pytest

from streamwatch.settings.changes import Changes, difference
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable
from streamwatch.settings.table import Change
from tests.settings.schema_walk import Key, keys


def _settings(streams: dict[str, dict[str, Any]] | None = None, **tables: Any) -> Settings:
    entries = [{"id": name, "url": f"https://h/{name}.m3u8"} | more for name, more in (streams or {}).items()]
    return Settings.model_validate({"streams": entries, **tables})


def test_the_same_is_no_change() -> None:
    assert not difference(_settings({"a": {"headers": {"x": "y"}}}), _settings({"a": {"headers": {"x": "y"}}}))


def test_streams_come_go_and_stay() -> None:
    old = _settings({"a": {}, "b": {}, "c": {}, "d": {}})
    new = _settings({"d": {"title": "D"}, "b": {"url": "https://h/other.m3u8", "title": "B"}, "c": {}, "e": {}})
    assert difference(old, new) == Changes(added=("e",), removed=("a",), restarted=("b",), live=("d",))


def test_order_and_spelling_are_no_change() -> None:
    old = _settings({"a": {"interval": "2s"}, "b": {"thresholds": {"gore": {"prob": 0.5}}}})
    new = _settings({"b": {"thresholds": {"gore.prob": {"enter": 0.5}}}, "a": {"interval": 2000 / 1000}})
    assert not difference(old, new)


def test_writing_down_what_holds_anyway_is_no_change() -> None:
    assert not difference(_settings({"a": {}}), _settings({"a": {"interval": "2s"}}))


def test_a_default_restarts_only_the_streams_that_use_it() -> None:
    streams: dict[str, dict[str, Any]] = {"own": {"interval": "5s"}, "inherits": {}}
    changes = difference(_settings(streams), _settings(streams, capture={"interval": "3s"}))
    assert changes == Changes(restarted=("inherits",))


def test_a_policy_for_all_is_applied_to_those_that_do_not_override_it() -> None:
    streams: dict[str, dict[str, Any]] = {"own": {"thresholds": {"gore.prob": 0.9}}, "inherits": {}}
    changes = difference(_settings(streams), _settings(streams, thresholds={"gore.prob": 0.5}))
    assert changes == Changes(live=("inherits",), sections=("thresholds",))


def test_another_secret_is_a_change_although_it_prints_the_same() -> None:
    old, new = _settings({"a": {"headers": {"k": "one"}}}), _settings({"a": {"headers": {"k": "two"}}})
    assert difference(old, new).restarted == ("a",)


def test_sections_and_the_daemon() -> None:
    hook = {"name": "ops", "url": "https://h/"}
    old = _settings()
    new = _settings(
        webhooks=[hook], mqtt={"host": "broker", "scores": True}, log={"level": "debug"}, server={"port": 1}
    )
    changes = difference(old, new)
    assert changes.sections == ("log", "webhooks", "mqtt")
    assert changes.daemon == ("server.port",)
    assert changes.words() == ["applied at once: log, webhooks, mqtt", "needs a restart of the daemon: server.port"]


OTHER: dict[str, Any] = {
    "url": "https://h/other.m3u8",
    "title": "other",
    "context": {"a": 1},
    "suspended": True,
    "interval": "7s",
    "sampling": "full",
    "rendition_height": 480,
    "headers": {"a": "b"},
    "user_agent": "other",
    "proxy": "http://proxy:1",
    "ca_file": __file__,
    "tls_verify": False,
    "open_timeout": "7s",
    "read_timeout": "7s",
    "stall_after": "7s",
    "paced": False,
    "thresholds": {"gore.prob": 0.7},
}


@pytest.mark.parametrize("name", [name for name in StreamTable.model_fields if name != "id"])
def test_each_key_of_a_stream_does_what_its_mark_says(name: str) -> None:
    changes = difference(_settings({"a": {}}), _settings({"a": {name: OTHER[name]}}))
    mark = next(mark for mark in StreamTable.model_fields[name].metadata if isinstance(mark, Change))
    assert changes == (Changes(live=("a",)) if mark is Change.LIVE else Changes(restarted=("a",)))


ELSEWHERE: dict[str, Any] = {
    "capture.interval": "7s", "capture.sampling": "full", "capture.rendition_height": 480, "capture.open_timeout": "7s",
    "capture.read_timeout": "7s", "capture.stall_after": "7s", "capture.max_segment_size": "7MB",
    "capture.max_playlist_size": "7MB", "network.allow": ["10.0.0.0/8"], "network.proxy": "http://proxy:1",
    "network.user_agent": "other", "capture.max_pixels": 70_000, "capture.workers": 3, "capture.memory_limit": "2GiB",
}  # fmt: skip


@pytest.mark.parametrize(
    "key", [key for key in keys() if f"{key.table}.{key.name}" in ELSEWHERE], ids=lambda key: key.name
)
def test_each_key_of_capture_and_network_does_what_its_mark_says(key: Key) -> None:
    name = f"{key.table}.{key.name}"
    changes = difference(_settings({"a": {}}), _settings({"a": {}}, **{key.table: {key.name: ELSEWHERE[name]}}))
    expected = Changes(restarted=("a",)) if key.change is Change.STREAM else Changes(daemon=(name,))
    assert changes == expected


def test_no_key_that_restarts_streams_is_left_untried() -> None:
    marked = {f"{key.table}.{key.name}" for key in keys() if key.change is Change.STREAM and key.table != "streams"}
    assert marked <= set(ELSEWHERE)

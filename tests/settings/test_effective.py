"""What holds for a stream, and where it came from."""

from typing import Any

import pytest

from streamwatch.records.threshold import Threshold
from streamwatch.settings.effective import StreamView, foreign_secrets, stream_view
from streamwatch.settings.schema import Settings

DEFAULTS = {"gore.prob": 0.8, "self-harm.prob": 0.6}


def _view(stream: dict[str, Any] | None = None, **tables: Any) -> StreamView:
    entry = {"id": "a", "url": "https://u:p@cdn.example.net/a.m3u8"} | (stream or {})
    settings = Settings.model_validate({"streams": [entry], **tables})
    return stream_view(settings, "a", DEFAULTS, "starter")


def _sources(view: StreamView) -> dict[str, str]:
    return {effective.key: effective.source for effective in view.explanation}


def test_a_stream_inherits_and_overrides() -> None:
    view = _view(
        {"interval": "5s"}, capture={"interval": "3s", "stall_after": "20s"}, network={"allow": ["10.0.0.0/8"]}
    )
    assert (view.interval, view.stall_after, view.read_timeout) == (5.0, 20.0, 10.0)
    sources = _sources(view)
    assert sources["interval"] == "streams.a.interval"
    assert sources["stall_after"] == "capture.stall_after"
    assert sources["read_timeout"] == "default"
    assert sources["allow"] == "network.allow"
    assert sources["url"] == "streams.a.url"


def test_a_stream_that_writes_auto_means_auto() -> None:
    assert _view({}, capture={"rendition_height": 480}).rendition_height == 480
    assert _view({"rendition_height": "auto"}, capture={"rendition_height": 480}).rendition_height is None


def test_thresholds_come_from_the_weights_where_nothing_is_written() -> None:
    view = _view({}, thresholds={"gore.prob": {"enter": 0.9, "cooldown": "5m"}})
    assert view.thresholds == (
        Threshold("self-harm.prob", 0.6, 0.48, 2, 3, 60.0),
        Threshold("gore.prob", 0.9, 0.72, 2, 3, 300.0),
    )
    sources = _sources(view)
    assert sources['thresholds."self-harm.prob".enter'] == "weights starter"
    assert sources['thresholds."gore.prob".enter'] == 'thresholds."gore.prob".enter'
    assert sources['thresholds."gore.prob".exit'] == "default (0.8 x enter)"
    assert sources['thresholds."gore.prob".confirm'] == "default"
    assert sources['thresholds."gore.prob".cooldown'] == 'thresholds."gore.prob".cooldown'


def test_a_stream_overrides_part_by_part() -> None:
    view = _view(
        {"thresholds": {"gore": {"prob": {"confirm": "3 of 5"}}}},
        thresholds={"gore.prob": {"enter": 0.9, "exit": 0.5, "cooldown": "5m"}, "self-harm.prob": False},
    )
    assert view.thresholds == (Threshold("gore.prob", 0.9, 0.5, 3, 5, 300.0),)
    assert _sources(view)['thresholds."gore.prob".confirm'] == 'streams.a.thresholds."gore.prob".confirm'


def test_another_enter_takes_the_exit_with_it() -> None:
    view = _view({"thresholds": {"gore.prob": 0.4}}, thresholds={"gore.prob": {"enter": 0.9, "exit": 0.7}})
    (gore,) = [one for one in view.thresholds if one.label == "gore.prob"]
    assert gore.enter == 0.4
    assert gore.exit == pytest.approx(0.32)


@pytest.mark.parametrize(
    ("own", "labels"),
    [
        ({}, ["gore.prob"]),
        ({"gore.prob": False}, []),
        ({"self-harm.prob": {"cooldown": "1m"}}, ["gore.prob"]),
        ({"self-harm.prob": True}, ["self-harm.prob", "gore.prob"]),
        ({"self-harm.prob": 0.7}, ["self-harm.prob", "gore.prob"]),
    ],
)
def test_a_label_is_off_until_something_says_otherwise(own: dict[str, Any], labels: list[str]) -> None:
    view = _view({"thresholds": own}, thresholds={"self-harm.prob": False})
    assert [one.label for one in view.thresholds] == labels


def test_the_plan_holds_what_capture_needs() -> None:
    view = _view(
        {"headers": {"X-Key": "k"}, "proxy": "http://proxy:3128", "sampling": "full"}, network={"user_agent": "ua"}
    )
    plan = view.plan(short_side=224, rendition_height=240, deny_ports=(("127.0.0.1", 8480),))
    assert plan.url == "https://u:p@cdn.example.net/a.m3u8"
    assert (plan.headers, plan.proxy, plan.user_agent) == ({"X-Key": "k"}, "http://proxy:3128", "ua")
    assert (plan.sampling, plan.rendition_height, plan.short_side) == ("full", 240, 224)
    assert plan.deny_ports == (("127.0.0.1", 8480),)


def test_an_explanation_prints_without_secrets() -> None:
    view = _view({"headers": {"X-Key": "hunter2"}})
    assert "u:p" not in str(view.explanation)
    assert "hunter2" not in str(view)


def test_an_unknown_stream_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        stream_view(Settings(), "nope")


def _foreign(**stream: Any) -> frozenset[str]:
    return foreign_secrets(Settings.model_validate({"streams": [{"id": "a", "url": "https://h/", **stream}]}).streams)


def test_of_what_strangers_call_a_secret_only_what_looks_like_one_is_masked_everywhere() -> None:
    url = "https://u:hunter2hunter2@h/?word=connection&event=stream.state&token=Tokentoken"
    assert _foreign(url=url, headers={"A": "warning", "B": "20261122", "C": "h3hunter3", "D": "x1" * 500}) == {
        "hunter2hunter2",
        "Tokentoken",
        "h3hunter3",
    }


def test_one_stranger_cannot_have_the_log_searched_for_thousands_of_texts() -> None:
    assert len(_foreign(headers={f"H{number}": f"secret{number:04}" for number in range(64)})) == 16

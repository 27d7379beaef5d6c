"""Nothing secret passes the log's choke point, whichever way it comes."""

import errno
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from streamwatch.telemetry.logs import Logs, configure, report_unhandled


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    before = list(logging.getLogger().handlers)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield io.StringIO()
    logging.getLogger().handlers[:] = before
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _json(stream: io.StringIO, **more: Any) -> Logs:
    return configure("json", "info", stream=stream, **more)


def test_an_event_is_one_json_object_with_its_keys(written: io.StringIO) -> None:
    _json(written).logger.bind(stream="lobby").info("capture.opened", width=640, live=True)
    (line,) = _lines(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "capture.opened", "level": "info", "stream": "lobby", "width": 640, "live": True}


def test_every_value_is_masked_however_deep(written: io.StringIO) -> None:
    _json(written).logger.info(
        "x.y",
        url="https://u:p1secret@h/a?k=q1secret",
        headers={"Authorization": "h1secret"},
        mqtt_password="w1secret",
        pin_token=12345,
        deep=[{"a": {"b": "rtmp://h/app/k1secret"}}, ("srt://h?passphrase=s1secret",)],
        raw=b"b1secret",
        error=ValueError("cannot open https://u:e1secret@h/"),
    )
    assert "secret" not in written.getvalue()
    assert "12345" not in written.getvalue()
    assert _lines(written)[0]["url"] == "https://***@h/a?k=***"


def test_exception_texts_are_masked_and_keep_their_type(written: io.StringIO) -> None:
    log = _json(written, secrets=["a lone secret"]).logger
    try:
        try:
            raise OSError("https://u:inner1secret@h/x refused")
        except OSError as error:
            raise RuntimeError("a lone secret") from error
    except RuntimeError:
        log.exception("x.failed")
    (line,) = _lines(written)
    assert "secret" not in line["exception"]
    assert "RuntimeError" in line["exception"]
    assert "https://***@h/x refused" in line["exception"]


def test_a_secret_that_is_one_of_our_own_words_blinds_nothing(written: io.StringIO) -> None:
    log = _json(written, secrets=["warning", "stream.state", "lobby", "2026", "stalled", "a lone secret"]).logger
    log.warning("stream.state", stream="lobby", state="stalled", reason="stalled with a lone secret")
    (line,) = _lines(written)
    assert "***" not in line.pop("timestamp")
    assert line.pop("reason") == "*** with ***"
    assert line == {"event": "stream.state", "level": "warning", "stream": "lobby", "state": "stalled"}


def test_library_records_and_warnings_join(written: io.StringIO) -> None:
    _json(written)
    logging.getLogger("some.library").warning("cannot reach %s", "https://u:p1secret@h/")
    logging.getLogger("some.library").info("chatter")
    # Pytest's own handler would raise on it, so it goes to ours alone.
    bad = logging.LogRecord("some.library", logging.ERROR, __file__, 1, "bad format %s %s", ("x",), None)
    logging.getLogger().handlers[-1].handle(bad)
    first, second = _lines(written)
    assert first["event"] == "library.message"
    assert first["logger"] == "some.library"
    assert first["message"] == "cannot reach https://***@h/"
    assert second["message"] == "bad format %s %s"


def test_unhandled_exceptions_of_threads_end_in_the_log(written: io.StringIO) -> None:
    report_unhandled(_json(written).logger)

    def fail() -> None:
        raise RuntimeError("https://u:p1secret@h/")

    thread = threading.Thread(target=fail, name="decoder-0")
    thread.start()
    thread.join()
    (line,) = _lines(written)
    assert (line["event"], line["where"]) == ("process.unhandled", "decoder-0")
    assert "p1secret" not in line["exception"]


def test_loggers_bound_before_follow_a_reload(written: io.StringIO) -> None:
    logs = _json(written)
    log = logs.logger.bind(stream="lobby")
    log.debug("x.quiet")
    logs.configure("json", "debug", ["new secret"])
    log.debug("x.loud", said="the new secret")
    logs.configure("json", "error")
    log.warning("x.quiet_again")
    (line,) = _lines(written)
    assert (line["event"], line["level"], line["said"]) == ("x.loud", "debug", "the ***")


def test_configuring_twice_does_not_double_library_records(written: io.StringIO) -> None:
    _json(written)
    _json(written)
    logging.getLogger("lib").warning("once")
    assert len(_lines(written)) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_auto_is_for_people_on_a_terminal_and_json_elsewhere(written: io.StringIO, terminal: bool) -> None:
    written.isatty = lambda: terminal  # type: ignore[method-assign]
    configure("auto", "info", stream=written).logger.info("x.y", url="https://u:p1secret@h/")
    assert written.getvalue().startswith("{") is not terminal
    assert "x.y" in written.getvalue()
    assert "p1secret" not in written.getvalue()


class Failing(io.StringIO):
    """A stream on a disk that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    stream = Failing()
    logs = configure("json", stream=stream)
    stream.full = True
    for _ in range(3):
        logs.logger.info("went.missing")
    stream.full = False
    logs.logger.info("back.again")
    logs.logger.info("once.more")
    lines = [json.loads(line) for line in stream.getvalue().splitlines() if line]
    assert [line["event"] for line in lines] == ["log.lines_lost", "back.again", "once.more"]
    assert lines[0]["lines"] == 3
    stream.close()
    logs.logger.info("nobody.reads")

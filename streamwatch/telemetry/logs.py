"""The log: structlog as JSON or for the console, everything masked at one choke point, libraries' records included."""

import logging
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from streamwatch.telemetry.redaction import MASK, Redactor, redact_text

Format = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]

_SECRET_KEY: Final = re.compile(
    r"(?:^|[_.-])(?:password|passphrase|secrets?|token|authorization|cookie|credentials?|api_?key|headers)\Z",
    re.IGNORECASE,
)
_DEEPEST: Final = 8
_VOCABULARY: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "method", "status", "state", "was", "code", "kind", "origin",
        "stream", "client", "sink", "incident", "model", "label", "job", "media", "worker", "remote",
    }
)  # fmt: skip
"""Keys whose values are words and names of our own. Secrets are not masked there by value: a client that calls its
secret "warning" would else blind the log."""


class Redaction:
    """The choke point: the last processor before rendering, through which every value of every event passes."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._redactor = Redactor(secrets)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._masked(key, value, _DEEPEST) for key, value in event.items()}

    def _masked(self, key: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if _SECRET_KEY.search(key):
            return MASK
        if isinstance(value, Mapping) and depth:
            return {str(name): self._masked(str(name), item, depth - 1) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth:
            return [self._masked("", item, depth - 1) for item in value]
        if isinstance(value, str) and key in _VOCABULARY:
            return redact_text(value)
        return self._leaf(value)

    def _leaf(self, value: object) -> object:
        if isinstance(value, int | float):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        return self._redactor(value if isinstance(value, str) else str(value))


class _Lasting:
    """A stream whose faults are borne: a full disk or a reader that is gone costs lines of the log, nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> None:
        """Write a line, or count it as lost; the next one that can be written is preceded by the count."""
        try:
            if self._lost:
                self._stream.write(f'\n{{"event": "log.lines_lost", "level": "warning", "lines": {self._lost}}}\n')
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1
        else:
            self._lost = 0

    def flush(self) -> None:
        """Every line is flushed when it is written."""


class Logs:
    """The process's log; ``logger`` and everything bound from it follow a later ``configure``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._level = logging.INFO
        self._processors: list[Processor] = []
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(cast("TextIO", _Lasting(stream))),
            processors=self._processors,
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        )

    def configure(self, format: Format, level: Level, secrets: Iterable[str] = ()) -> None:  # noqa: A002 - the key's name
        """Set or change how it looks, what is left out, and which secrets are masked by value."""
        self._level = logging.getLevelNamesMapping()[level.upper()]
        for_people = format == "console" or (format == "auto" and self._stream.isatty())
        renderer: Processor = (
            structlog.dev.ConsoleRenderer(colors=self._stream.isatty())
            if for_people
            else structlog.processors.JSONRenderer(ensure_ascii=False)
        )
        # In place: loggers that were bound before hold this very list.
        self._processors[:] = [
            structlog.processors.add_log_level,
            self._drop_below,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Redaction(secrets),
            renderer,
        ]

    def _drop_below(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if logging.getLevelNamesMapping()[event["level"].upper()] < self._level:
            raise structlog.DropEvent
        return event


def configure(
    format: Format = "auto",  # noqa: A002 - the key's name
    level: Level = "info",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> Logs:
    """Set up the log of this process, on standard error by default, and let libraries' records join it."""
    logs = Logs(stream or sys.stderr)
    logs.configure(format, level, secrets)
    adopt_library_records(logs.logger)
    return logs


def adopt_library_records(log: FilteringBoundLogger) -> None:
    """Send what libraries log (and Python's warnings) the same way, as ``library.message`` from warnings upward."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _Bridge):
            root.removeHandler(handler)
    root.addHandler(_Bridge(log))
    logging.captureWarnings(True)


def report_unhandled(log: FilteringBoundLogger) -> None:
    """Let exceptions that nobody caught end in the log, masked, rather than raw on standard error."""

    def report(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return
        log.critical("process.unhandled", where=where, exc_info=(kind, error or kind(), trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        report(args.exc_type, args.exc_value, args.exc_traceback, args.thread.name if args.thread else "thread")

    sys.excepthook = lambda kind, error, trace: report(kind, error, trace, "main")
    threading.excepthook = in_thread
    sys.unraisablehook = lambda args: report(args.exc_type, args.exc_value, args.exc_traceback, "unraisable")


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a library's mistake in its own format string
            message = str(record.msg)
        more: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        self._log.log(record.levelno, "library.message", logger=record.name, message=message, **more)

"""A log that says nothing, for verbs whose own output is what the operator asked for."""

import structlog
from structlog.typing import FilteringBoundLogger


def silent_log() -> FilteringBoundLogger:
    """Takes everything and keeps nothing."""
    log: FilteringBoundLogger = structlog.wrap_logger(structlog.ReturnLogger(), processors=[_nothing])
    return log


def _nothing(*_: object) -> str:
    return ""

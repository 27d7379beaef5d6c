"""Fixtures that every room's tests may use."""

import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.peers import Peers


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    """Real servers on free ports of 127.0.0.1, started on demand, ended with the test."""
    async with Peers(tmp_path / "peers") as started:
        yield started


@pytest.fixture(autouse=True)
def process_wide_hooks() -> Iterator[None]:
    """What a verb sets for its whole process must not reach the next test: its log's stream is closed by then."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler).__module__.startswith("streamwatch."):
            root.removeHandler(handler)
            logging.captureWarnings(False)

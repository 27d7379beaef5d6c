"""A store in a folder of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamwatch.store.alert_store import AlertStore
from tests.store.samples import Clock, Log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock, log: Log) -> AsyncIterator[AlertStore]:
    opened = await AlertStore.open(tmp_path / "store", log=log.logger, clock=clock)
    yield opened
    await opened.close()

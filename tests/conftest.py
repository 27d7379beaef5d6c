"""Fixtures that every room's tests may use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.peers import Peers


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    """Real servers on free ports of 127.0.0.1, started on demand, ended with the test."""
    async with Peers(tmp_path / "peers") as started:
        yield started

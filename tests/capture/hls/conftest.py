"""What the tests of the HLS source share."""

from collections.abc import AsyncIterator

import pytest

from tests.origin import Origin


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as running:
        yield running

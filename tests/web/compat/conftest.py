"""One server for all tests of this room: it takes seconds to start, and none of them changes it for good."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from streamwatch.inference.model import find_weights, load_model
from tests.web.compat.house import House, open_house


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def whole_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Up before the first test that asks for it."""
    model = load_model(find_weights("starter"), device="cpu", threads=1)
    async with open_house(tmp_path_factory.mktemp("house"), model) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="package")
async def house(whole_house: House) -> AsyncIterator[House]:
    """The server as it was at first."""
    limits = whole_house.limits
    whole_house.limits = replace(limits)
    yield whole_house
    whole_house.limits, whole_house.public_url = limits, None

from collections.abc import AsyncIterator

import pytest

from tests.flow.platform import Platform, running


@pytest.fixture(scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with running(tmp_path_factory.mktemp("platform")) as ready:
        yield ready

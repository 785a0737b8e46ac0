from collections.abc import AsyncIterator

import pytest

from tests.chassis.tally.service import service
from tests.conftest import Stages
from tests.stage import Stage


@pytest.fixture
async def tally(stages: Stages) -> AsyncIterator[Stage]:
    async with stages(service) as opened:
        yield opened

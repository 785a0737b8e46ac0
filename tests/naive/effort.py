"""How hard to look for a disagreement: HUITOU_EFFORT times as long as in `make test`."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import engine

# Longer than a test may take, and then what was found is not told.
engine.MAX_SHRINKING_SECONDS = 60


def times() -> int:
    """How many times as hard as in `make test`."""
    return int(os.environ.get("HUITOU_EFFORT", "1"))


def effort(examples: int) -> settings:
    """Settings of a property that usually tries so many examples."""
    return settings(
        max_examples=examples * times(),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

"""Which rules hold for which customers at a moment, and until when if nothing more happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from segment_svc.nodes import Rule
from segment_svc.people import Bools, Ints, People


class Outcome(NamedTuple):
    """For each customer whether the rule holds, and the first moment after it at which that changes, else NEVER."""

    value: Bools
    until: Ints


def evaluate(rules: Mapping[str, Rule], people: People, at: Ints) -> dict[str, Outcome]:
    """Evaluate expanded rules for all people, each at their own moment `at` (size,), microseconds since 1970."""
    raise NotImplementedError

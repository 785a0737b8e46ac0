"""Why a customer is in an audience or not: the rule's tree with each node's value, figure and moment."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from segment_svc.nodes import Rule
from segment_svc.people import Person


def why(rule: Rule, person: Person, timezone: ZoneInfo, at: int) -> dict[str, Any]:
    """The rule as JSON, each node with `value` and `until` (RFC 3339 or None), conditions also with `measured`."""
    raise NotImplementedError

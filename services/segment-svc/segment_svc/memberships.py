"""How many members a shop had: as members count who were it at any moment of a period."""

import numpy as np

from segment_svc.calendar import SLOT
from segment_svc.crowds import Crowd
from segment_svc.periods import Period
from segment_svc.sheets import UNBOUND


def numbers(crowd: Crowd, period: Period) -> list[int]:
    """How many were members at any moment of the period, and of each of its days."""
    bounds = np.array(period.bounds) // SLOT
    which = (crowd.joined != UNBOUND) & (crowd.joined < -(-period.until // SLOT)) & (crowd.left > bounds[0])
    first = np.maximum(np.searchsorted(bounds, crowd.joined[which], "right") - 1, 0)
    last = np.minimum(np.searchsorted(bounds, crowd.left[which] - 1, "right") - 1, len(period.days) - 1)
    first, last = first[first <= last], last[first <= last]
    came, gone = (np.bincount(days, minlength=len(bounds)) for days in (first, last + 1))
    return [len(first), *np.cumsum(came - gone)[: len(period.days)].tolist()]

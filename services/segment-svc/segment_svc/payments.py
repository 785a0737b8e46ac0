"""Until when a trade counts as paid: its closing ends that, unless it was completed before."""

from __future__ import annotations

import numpy as np

from segment_svc.columns import in_order
from segment_svc.people import KINDS, NEVER, Events, Ints


def ends(events: Events, trades: Ints, rows: Ints) -> Ints:
    """For each of these events when it ceases to be a payment; what is none, or is not closed, never does.

    `trades` numbers the trade of every event; what stands later in the columns is later in the order of events.
    """
    end = np.full(len(rows), NEVER)
    payments = np.flatnonzero(events.kind[rows] == KINDS["trade.paid"])
    closed = _standing(events, trades, "trade.closed", rows[payments])
    completed = _standing(events, trades, "trade.completed", rows[payments])
    ended = (closed >= 0) & ((completed < 0) | (closed < completed))
    end[payments[ended]] = events.at[closed[ended]]
    return end


def _standing(events: Events, trades: Ints, kind: str, rows: Ints) -> Ints:
    """The row of this type of each row's trade, -1 if there is none."""
    there = np.flatnonzero(events.kind == KINDS[kind])
    if not len(there):
        return np.full(len(rows), -1)
    there = there[in_order(trades[there])]
    keys, wanted = trades[there], trades[rows]
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, there[place], -1)

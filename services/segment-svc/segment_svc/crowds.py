"""Who a shop's customers are, as columns: what figures are split by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segment_svc.people import Ints
from segment_svc.sheets import UNBOUND, People, Place

NOWHERE: Place = (None, None, None)
NOBODY = {"who": -1, "joined": UNBOUND, "left": UNBOUND, "born": UNBOUND, "kind": 4}
COLUMNS = ("joined", "left", "born", "place", "kind")


class Crowd(People):
    """A shop's customers; that of all of them has nobody at its end."""

    def of(self, who: Ints) -> Crowd:
        """These people; of whom nothing is known is as nobody, who comes last."""
        nobody = len(self.who) - 1
        row = np.searchsorted(self.who[:nobody], who)
        row = np.where(self.who[row] == who, row, nobody)
        columns = {name: getattr(self, name)[row] for name in COLUMNS}
        return Crowd(who=who, **columns, places=self.places)


def crowd(found: Sequence[People]) -> Crowd:
    """Everybody of these sheets, and nobody at the end."""
    places: dict[Place, int] = {NOWHERE: 0}
    codes = [
        np.array([places.setdefault(place, len(places)) for place in people.places], np.int32)[people.place]
        for people in found
    ]
    columns = {}
    for name, none in NOBODY.items():
        last = np.array([none], np.int64 if name == "who" else np.int32)
        columns[name] = np.concatenate([*(getattr(people, name) for people in found), last])
    return Crowd(**columns, place=np.concatenate([*codes, np.zeros(1, np.int32)]), places=list(places))

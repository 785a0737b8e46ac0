"""Who a shop's customers are, as columns: what figures are split by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from segment_svc.people import Ints
from segment_svc.sheets import UNBOUND, People

Place: TypeAlias = tuple[str | None, str | None, str | None]
Column: TypeAlias = NDArray[np.int32]
NOWHERE: Place = (None, None, None)
NOBODY = {"who": -1, "joined": UNBOUND, "left": UNBOUND, "born": UNBOUND, "kind": 4}


@dataclass(frozen=True)
class Crowd:
    """Columns as `People` of sheets.py has them, in the order of `who`."""

    who: Ints
    joined: Column
    left: Column
    born: Column
    kind: Column
    place: Column
    places: Sequence[Place]

    def of(self, who: Ints) -> Crowd:
        """These people; of whom nothing is known is as nobody, who comes last."""
        nobody = len(self.who) - 1
        row = np.searchsorted(self.who[:nobody], who)
        row = np.where(self.who[row] == who, row, nobody)
        return Crowd(
            who, self.joined[row], self.left[row], self.born[row], self.kind[row], self.place[row], self.places
        )


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

"""The lines of events as they are stored, JSON, each different text taken apart once: events are about the same items
again and again."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import orjson

from segment_svc.columns import spread
from segment_svc.people import Ints, code

MOST = 2**16
"""So many different texts are kept in mind, or those of one call."""
WIDTH = 4


class Parsed(dict[str, int]):
    """A number for each text; where its lines begin among all lines, and all lines end to end as item, category,
    quantity, amount."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = array("q", [0])
        self.lines = array("q")

    def __missing__(self, text: str) -> int:
        for item, category, quantity, amount in orjson.loads(text) if text else ():
            self.lines.extend((code(item), code(category), quantity, amount))
        self.starts.append(len(self.lines) // WIDTH)
        self[text] = number = len(self)
        return number


_parsed = Parsed()


def lines(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """How many lines each text has (n,), and all of them end to end (m, 4); an empty text has none."""
    global _parsed
    parsed = _parsed
    if len(parsed) > MOST:
        parsed = _parsed = Parsed()
    which = np.fromiter(map(parsed.__getitem__, texts), np.int64, len(texts))
    # Copies, since an array that is looked at cannot grow.
    starts = np.array(parsed.starts)
    first = starts[which]
    number = starts[which + 1] - first
    _, places = spread(first, number)
    return number, np.array(parsed.lines).reshape(-1, WIDTH)[places]

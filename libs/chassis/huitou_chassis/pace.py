"""How many records a batch may have: as many as the last one's pace takes for about a second and a half.

Large batches cost least for each record, and short transactions hold nobody up: which number is both depends on what
the records lead to.
"""

SECONDS = 1.5
LEAST, FIRST = 200, 2000


class Pace:
    """The size of the next batch, `most` at most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = min(FIRST, most)

    def note(self, records: int, seconds: float) -> None:
        """A batch of so many records took so long; a small one that was quick says little."""
        if records < self.size and seconds < SECONDS:
            return
        self.size = min(self._most, max(LEAST, int(records / max(seconds, 0.001) * SECONDS)))

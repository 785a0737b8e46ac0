"""The one clock of the domain, which development can set forward.

In development the offset to real time lies in a file that every process maps into its memory: one write, and all of
them have the new time at their next look. Leases and timeouts do not use this clock.
"""

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_OFFSET = struct.Struct("<q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """The time that the rules see, in UTC; `file` holds the offset in microseconds, or None outside development."""

    def __init__(self, file: Path | None = None) -> None:
        self._map = _map(file) if file is not None else None

    @property
    def settable(self) -> bool:
        return self._map is not None

    def us(self) -> int:
        """Now, in microseconds since 1970."""
        offset = _OFFSET.unpack_from(self._map)[0] if self._map is not None else 0
        return time.time_ns() // 1000 + int(offset)

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.us())

    def set_forward(self, us: int) -> None:
        """Sets now to `us`; ValueError if that lies behind, or where the clock is not settable."""
        if self._map is None:
            raise ValueError("the clock can be set in development only")
        if us < self.us():
            raise ValueError("the clock never goes back")
        _OFFSET.pack_into(self._map, 0, us - time.time_ns() // 1000)
        self._map.flush()


def _map(file: Path) -> mmap.mmap:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as handle:
        handle.seek(0, 2)
        if handle.tell() < _OFFSET.size:
            handle.truncate(_OFFSET.size)
        return mmap.mmap(handle.fileno(), _OFFSET.size)

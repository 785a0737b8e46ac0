"""What the development operator has taken, in a file: it survives a restart."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SCHEMA = """
    CREATE TABLE IF NOT EXISTS message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        job_id TEXT NOT NULL,
        recipient TEXT NOT NULL,
        text TEXT NOT NULL,
        callback TEXT NOT NULL,
        received_at TEXT NOT NULL,
        status TEXT NOT NULL,
        due REAL,
        tries INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS message_to ON message (recipient, id);
    CREATE INDEX IF NOT EXISTS message_due ON message (due) WHERE due IS NOT NULL;
"""


@dataclass(frozen=True)
class Stored:
    """A message taken; `status` is what its receipt says, `due` when that goes out, in seconds since 1970."""

    id: int
    key: str
    job_id: str
    recipient: str
    text: str
    callback: str
    received_at: str
    status: str
    due: float | None
    tries: int


class Store:
    """The messages of one operator; `folder` is made if it is missing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "operator.sqlite", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def take(
        self, *, key: str, job_id: str, to: str, text: str, callback: str, at: datetime, status: str, due: float | None
    ) -> Stored:
        """Keeps the message that came at a moment, once for each key; answers the one that is kept."""
        self._db.execute(
            """
            INSERT INTO message (key, job_id, recipient, text, callback, received_at, status, due)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            (key, job_id, to, text, callback, at.isoformat().replace("+00:00", "Z"), status, due),
        )
        (found,) = self._read("WHERE key = ?", (key,))
        return found

    def by_key(self, key: str) -> Stored | None:
        return next(iter(self._read("WHERE key = ?", (key,))), None)

    def page(self, *, to: str | None, after: int, limit: int) -> list[Stored]:
        """Messages in the order in which they came."""
        return self._read("WHERE id > ? AND (? IS NULL OR recipient = ?) ORDER BY id LIMIT ?", (after, to, to, limit))

    def newest(self, limit: int) -> list[Stored]:
        return self._read("ORDER BY id DESC LIMIT ?", (limit,))

    def latest_to(self, recipient: str) -> Stored | None:
        return next(iter(self._read("WHERE recipient = ? ORDER BY id DESC LIMIT 1", (recipient,))), None)

    def due(self, now: float, limit: int) -> list[Stored]:
        """Messages whose receipt is to go out."""
        return self._read("WHERE due <= ? ORDER BY due LIMIT ?", (now, limit))

    def next_due(self) -> float | None:
        (due,) = self._db.execute("SELECT min(due) FROM message WHERE due IS NOT NULL").fetchone()
        return due if due is None else float(due)

    def receipt_tried(self, id: int, *, again: float | None) -> None:
        """Notes a try; `again` is when the next one is due, None for never."""
        self._db.execute("UPDATE message SET tries = tries + 1, due = ? WHERE id = ?", (again, id))

    def close(self) -> None:
        self._db.close()

    def _read(self, rest: str, values: Sequence[str | int | float | None]) -> list[Stored]:
        columns = "id, key, job_id, recipient, text, callback, received_at, status, due, tries"
        return [Stored(*row) for row in self._db.execute(f"SELECT {columns} FROM message {rest}", values)]

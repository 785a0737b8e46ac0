"""What must not stand in a log is masked there: nobody writes it on purpose, but an error may bring it along."""

import re
from typing import Any

# After a letter it is part of a name, except that a line's end is written as two characters in JSON.
_BEGINS = r"(?:(?<![\w.+])|(?<=\\[nrt]))"
_PHONE = re.compile(_BEGINS + r"(?:(\+\d{2,3})\d{3,8}(\d{4})|((?:86)?1[3-9]\d)\d{4}(\d{4}))(?!\w|\.\d)")
_KEY = re.compile(r"(?i)(?<=bearer )\s*[\w.~+/=-]+|\bhuitou_[A-Za-z0-9_-]{40,}")
_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s/]+@")


def masked(text: str) -> str:
    """The text with the middle of phone numbers, keys, and the passwords of addresses taken out."""
    text = _PASSWORD.sub(r"\1:***@", text)
    text = _KEY.sub("***", text)
    return _PHONE.sub(lambda found: f"{found[1] or found[3]}****{found[2] or found[4]}", text)


def mask_line(logger: object, method: str, line: Any) -> Any:
    """The last step of writing a line of a log."""
    return masked(line) if isinstance(line, str) else line

"""What an operator sees of a record: its text, without phone numbers, names, addresses and birthdays.

Rather too much is masked than too little: a record that nobody understands has them in any place and spelling.
"""

import re

_ESCAPED_DIGIT = re.compile(r"\\u(003[0-9]|[fF][fF]1[0-9])")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DIGITS = re.compile(rf"(?<!\d)(?!{_DATE})\+?\d(?:[ \-\x00]?\d){{6,}}")
_PERSONAL = re.compile(r'("(?:name|email|birthday)"\s*:\s*)"(?:[^"\\]|\\.)*"?')


def text(value: bytes) -> str:
    """The bytes as text; those that are no UTF-8 as `\\xff`."""
    return value.decode("utf-8", "backslashreplace")


def masked(value: bytes) -> str:
    """The text with every run of seven digits or more, as phones have, cut to its ends, and without personal fields."""
    plain = _ESCAPED_DIGIT.sub(lambda found: chr(int(found[1], 16)), text(value))
    return _DIGITS.sub(_middle, _PERSONAL.sub(r'\1"***"', plain))


def _middle(found: re.Match[str]) -> str:
    digits = found[0]
    return f"{digits[:3]}{'*' * max(len(digits) - 5, 1)}{digits[-2:]}"

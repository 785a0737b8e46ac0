"""Coupon codes: secrets that cannot be guessed, with a last character that catches a slip of the hand."""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_LENGTH = 12
_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V", "-": "", " ": ""})


def new_code() -> str:
    """60 random bits as 12 characters, and the check character."""
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    return secret + check_character(secret)


def read_code(typed: str) -> str | None:
    """The code that was meant, in its one spelling; None if no code can look like this."""
    code = typed.upper().translate(_MISREAD)
    if len(code) != SECRET_LENGTH + 1 or any(char not in _VALUE for char in code):
        return None
    return code if check_character(code[:-1]) == code[-1] else None


def check_character(secret: str) -> str:
    """Differs whenever one character is wrong, or two neighbours are swapped (0 for Z excepted)."""
    total = 0
    for place, char in enumerate(reversed(secret)):
        value = _VALUE[char] * (1 + (place + 1) % 2)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]

"""How operators count the length of a message: by characters in China, by GSM-7 or UCS-2 units elsewhere."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Coding: TypeAlias = Literal["china", "gsm-7", "ucs-2"]

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_ESCAPED = frozenset("^{}\\[~]|€\f")
LIMITS: dict[Coding, tuple[int, int]] = {"china": (70, 67), "gsm-7": (160, 153), "ucs-2": (70, 67)}


@dataclass(frozen=True)
class Length:
    """Units of a text in its coding, and the parts that it takes."""

    coding: Coding
    units: int
    parts: int


def measure(text: str, *, china: bool) -> Length:
    """The length of a text, signature and opt-out included, as the recipient's operator counts it."""
    coding, widths = widths_of(text, china=china)
    one, each = LIMITS[coding]
    units = sum(widths)
    if units <= one:
        return Length(coding, units, 1)
    return Length(coding, units, filled(widths, each))


def widths_of(text: str, *, china: bool) -> tuple[Coding, list[int]]:
    """The coding, and the units of each character; a character's units are never split between two parts."""
    if china:
        return "china", [1] * len(text)
    if all(char in GSM_7 or char in GSM_7_ESCAPED for char in text):
        return "gsm-7", [2 if char in GSM_7_ESCAPED else 1 for char in text]
    return "ucs-2", [2 if ord(char) > 0xFFFF else 1 for char in text]


def filled(widths: list[int], each: int) -> int:
    parts, room = 1, each
    for width in widths:
        if width > room:
            parts, room = parts + 1, each
        room -= width
    return parts

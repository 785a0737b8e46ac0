"""Phone numbers: what can be written to, what is refused before it costs money, and how one is shown."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

import phonenumbers

Kind: TypeAlias = Literal["mobile", "virtual", "invalid"]

DIGITS = re.compile(r"\+?\d{5,17}")
VIRTUAL = re.compile(r"\+?(86)?700\d{12}")


@dataclass(frozen=True)
class Phone:
    """`number` in E.164 if it can be written to, else as it was given."""

    number: str
    kind: Kind

    @property
    def china(self) -> bool:
        return self.number.startswith("+86")

    @property
    def masked(self) -> str:
        return mask(self.number)


def read(text: str) -> Phone:
    """A phone as an event or a call gives it; without a country code it is a number in China.

    Virtual numbers (15 digits, 700…) cannot be written to directly. A number with an extension is not valid: dropping
    the extension would write to somebody else.
    """
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    if VIRTUAL.fullmatch(plain):
        return Phone(plain, "virtual")
    if not DIGITS.fullmatch(plain):
        return Phone(plain, "invalid")
    try:
        number = phonenumbers.parse(plain, "CN")
    except phonenumbers.NumberParseException:
        return Phone(plain, "invalid")
    if not phonenumbers.is_possible_number(number):
        return Phone(plain, "invalid")
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), "mobile")


def mask(number: str) -> str:
    """`+8613812348000` as `138****8000`; other countries keep their code and the last four."""
    national = number.removeprefix("+86")
    if len(national) < 8:
        return "****" + national[-2:]
    return f"{national[:3]}****{national[-4:]}"

"""Codes are long enough to be secrets, and forgive how they are typed."""

import math

from hypothesis import given
from hypothesis import strategies as st

from campaign_svc.codes import ALPHABET, SECRET_LENGTH, new_code, read_code

places = st.integers(0, SECRET_LENGTH)


def test_a_code_holds_at_least_48_random_bits() -> None:
    assert SECRET_LENGTH * math.log2(len(ALPHABET)) >= 48
    assert len({new_code() for _ in range(10_000)}) == 10_000


def test_a_code_is_understood_however_it_is_typed() -> None:
    code = new_code()
    assert read_code(code) == code
    assert read_code(f" {code[:4].lower()}-{code[4:].lower()} ") == code
    assert read_code(code.replace("0", "O").replace("1", "l")) == code


@given(places, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(place: int, char: str) -> None:
    code = new_code()
    typed = code[:place] + char + code[place + 1 :]
    assert read_code(typed) == (code if typed == code else None)


@given(st.text(max_size=20))
def test_any_text_is_a_code_or_none(text: str) -> None:
    assert read_code(text) in (None, text.upper().translate(str.maketrans("OILU", "011V", "- ")))

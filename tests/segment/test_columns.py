"""Operations on columns, held against plainer ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment_svc.columns import Stretches, covered, united

SPANS = st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(1, 8))


@given(st.lists(SPANS), st.booleans(), st.one_of(st.none(), st.integers(1, 8)))
def test_spans_are_united_in_any_order_and_of_any_length(
    found: list[tuple[int, int, int]], ordered: bool, length: int | None
) -> None:
    """As events come, in order and all equally long, or anyhow."""
    spans = [
        (group, start, start + (length or longer)) for group, start, longer in (sorted(found) if ordered else found)
    ]
    stretches = Stretches(*np.array(spans, np.int64).reshape(-1, 3).T)
    whole = [column.tolist() for column in united(stretches)]
    assert whole == [column.tolist() for column in covered(stretches, 1)]
    times = [(group, at) for group, start, end in spans for at in range(start, end)]
    assert {(group, at) for group, start, end in zip(*whole, strict=True) for at in range(start, end)} == set(times)

"""What a process remembers of customers."""

from segment_svc.customers import NOBODY
from segment_svc.memory import LEAST_WEIGHT, Known, Memory


def test_customers_are_remembered_up_to_a_bound_and_those_used_longest_ago_go_first() -> None:
    memory = Memory(bound=3 * LEAST_WEIGHT)
    keys = [("s", name) for name in "abcd"]
    for version, key in enumerate(keys[:2]):
        memory.keep(key, Known(version, NOBODY, {}))
    assert not memory.full
    memory.keep(keys[2], Known(2, NOBODY, {}))
    assert memory.full
    assert memory.recall(keys[0], 0) is not None
    assert memory.recall(keys[1], 0) is None, "another version"
    memory.keep(keys[3], Known(3, NOBODY, {}))
    assert memory.among(keys) == [keys[0], keys[2], keys[3]]

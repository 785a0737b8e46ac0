"""How large batches are: they follow the pace at which the last ones went."""

from huitou_chassis.pace import Pace


def test_batches_grow_while_they_are_quick_up_to_the_most_that_is_set() -> None:
    pace = Pace(10_000)
    assert pace.size == 2000
    pace.note(2000, 0.5)
    assert pace.size == 6000
    pace.note(6000, 0.9)
    assert pace.size == 10_000


def test_a_slow_batch_is_followed_by_a_smaller_one() -> None:
    pace = Pace(10_000)
    pace.note(2000, 10.0)
    assert pace.size == 300
    pace.note(300, 60.0)
    assert pace.size == 200


def test_few_records_that_were_quick_change_nothing() -> None:
    pace = Pace(10_000)
    pace.note(3, 0.4)
    assert pace.size == 2000


def test_never_more_than_is_set() -> None:
    pace = Pace(100)
    assert pace.size == 100
    pace.note(100, 0.1)
    assert pace.size == 100

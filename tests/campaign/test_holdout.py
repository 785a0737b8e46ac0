"""Who is held out of a plan."""

from campaign_svc.holdout import is_held_out

CUSTOMERS = [f"c{number}" for number in range(20_000)]


def test_the_share_is_held_out_and_the_same_customers_each_time() -> None:
    held = {customer for customer in CUSTOMERS if is_held_out("pl_1", customer, 0.1)}
    assert 1800 < len(held) < 2200
    assert held == {customer for customer in CUSTOMERS if is_held_out("pl_1", customer, 0.1)}


def test_each_plan_holds_out_others() -> None:
    first = {customer for customer in CUSTOMERS if is_held_out("pl_1", customer, 0.1)}
    second = {customer for customer in CUSTOMERS if is_held_out("pl_2", customer, 0.1)}
    assert 100 < len(first & second) < 320


def test_nobody_is_held_out_of_a_plan_without_holdout() -> None:
    assert not any(is_held_out("pl_1", customer, 0) for customer in CUSTOMERS)


def test_a_larger_share_holds_out_the_same_customers_and_more() -> None:
    few = {customer for customer in CUSTOMERS if is_held_out("pl_1", customer, 0.1)}
    assert few < {customer for customer in CUSTOMERS if is_held_out("pl_1", customer, 0.2)}

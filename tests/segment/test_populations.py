"""Three evaluators: rules asked of a whole shop by SQL, worked out in columns, and read plainly say the same."""

import random
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from huitou_chassis import Tx
from segment_svc import censuses, histories, populations, rules, tallies
from segment_svc.evaluate import evaluate
from segment_svc.facts import Entry
from segment_svc.nodes import Repurchase
from segment_svc.people import History, People, Person, changes
from segment_svc.tallies import DEEDS
from tests import make
from tests.naive.effort import times
from tests.segment import chance, interpreter
from tests.segment.chance import DAY, NOW
from tests.segment.interpreter import Customer
from tests.stage import Stage

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London")
SEEDS, CUSTOMERS, RULES = 100, 8, 20


@pytest.mark.parametrize("seed", range(SEEDS * times()))
async def test_three_evaluators_say_the_same(segment: Stage, seed: int) -> None:
    """Each rule is one case: it is held against eight customers with histories of their own, at a moment."""
    rng = random.Random(f"three {seed}")
    zone = ZoneInfo(rng.choice(ZONES))
    crowd = [chance.customer(rng, zone) for _ in range(CUSTOMERS)]
    at = rng.choice([NOW, NOW - rng.randint(0, 20 * DAY), chance.when(rng), NOW + rng.randint(6, 40) * DAY])
    lookup = {"repurchase": Repurchase(chance.cycles(rng))}
    written = [chance.rule(rng) for _ in range(RULES)]
    zones = [zone, ZoneInfo(rng.choice(ZONES))]
    people = People.of([Person(History.of(one.occurrences), changes(one.changes), one.tags) for one in crowd], zone)
    async with segment.db.transaction() as tx:
        await keep(tx, crowd, counted=rng.random() < 0.8)
        for rule in written:
            parsed = rules.in_zone(rules.expand(rules.parse(rule), lookup), rng.choice(zones))
            columns = evaluate({"": parsed}, people, np.full(CUSTOMERS, at))[""]
            asked = await populations.held(tx, make.SHOP, zone, {"": parsed}, at, foresee=True)
            plain = [interpreter.holds(parsed, one, at) for one in crowd]
            assert columns.value.tolist() == plain, f"in columns: {rule} at {at}"
            assert asked.holding[""].tolist() == plain, f"by SQL: {rule} at {at}"
            assert (asked.until > at).all()
            late = asked.until > columns.until
            assert not late.any(), f"{rule} at {at} is promised until {asked.until}, but turns at {columns.until}"


@pytest.mark.parametrize("seed", range(20 * times()))
async def test_a_census_says_of_many_rules_what_sql_says(segment: Stage, seed: int) -> None:
    rng = random.Random(f"census {seed}")
    zone = ZoneInfo(rng.choice(ZONES))
    lookup = {"repurchase": Repurchase(chance.cycles(rng))}
    zones = [zone, ZoneInfo(rng.choice(ZONES))]
    asked = {
        str(number): rules.in_zone(rules.expand(rules.parse(chance.rule(rng)), lookup), rng.choice(zones))
        for number in range(RULES)
    }
    async with segment.db.transaction() as tx:
        await keep(tx, [chance.customer(rng, zone) for _ in range(CUSTOMERS)], counted=rng.random() < 0.8)
        by_sql = await populations.held(tx, make.SHOP, zone, asked, NOW, foresee=True)
        census = await censuses.taken(tx, make.SHOP, zone, asked, NOW)
    assert census.who.tolist() == by_sql.who.tolist()
    assert {name: found.tolist() for name, found in census.holding.items()} == {
        name: found.tolist() for name, found in by_sql.holding.items()
    }
    assert (by_sql.until <= census.until).all()


async def keep(tx: Tx, crowd: Sequence[Customer], *, counted: bool) -> None:
    """Puts the customers into the tables, in the order of their numbers."""
    for number, customer in enumerate(crowd):
        name = f"c{number}"
        who = await tx.fetchval(
            "INSERT INTO customer (shop_id, customer_id, born_us) VALUES ($1, $2, $3) RETURNING who",
            make.SHOP,
            name,
            -(2**62),
        )
        found = entries(name, customer)
        await histories.append(tx, found)
        await tx.connection.copy_records_to_table(
            "uncounted", records=[deed(who, entry) for entry in found if entry.type in DEEDS], columns=tallies.COLUMNS
        )
        if counted:
            await tallies.count_of(tx, [who])
        for tag in customer.tags:
            await tx.execute(
                "INSERT INTO tag (shop_id, customer_id, tag, at) VALUES ($1, $2, $3, 0)", make.SHOP, name, tag
            )


def entries(name: str, customer: Customer) -> list[Entry]:
    found = [
        Entry(
            *(make.SHOP, name, one.at, one.source, one.id, one.kind, one.trade, one.refund, one.amount, one.lines),
            dwell=one.dwell,
            visit=one.visit,
        )
        for one in customer.occurrences
    ]
    found += [
        Entry(make.SHOP, name, one.at, "z", f"change {number:02}", "customer.updated", changes={one.name: one.value})
        for number, one in enumerate(customer.changes)
    ]
    return found


def deed(who: int, one: Entry) -> tuple[Any, ...]:
    """What is handed in of it to be counted."""
    lines = orjson.dumps([tuple(line) for line in one.lines]).decode()
    return (who, *one[:1], *one[2:6], None, None, one.trade, one.refund, one.amount, lines)

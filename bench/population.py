"""A shop with a past: customers with what they did over two years, put into segment's tables by COPY."""

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.servers import SHOP, Servers, connected
from huitou_events import micros
from segment_svc import histories
from segment_svc.calendar import DAY, SLOT
from segment_svc.sheets import mark, of_people

PAST = timedelta(days=730)
ITEMS = 2000
CATEGORIES = 40
PROVINCES = ("广东", "浙江", "江苏", "山东", "四川", "湖北", "河南", "福建")
EVENTS_EACH = 10
CHUNK = 20_000
SOURCE = "urn:shop:bench:oms"
CUSTOMER = ("shop_id", "customer_id", "version", "born_us", "evaluated_us", "due_us")


DEEDS = """
    INSERT INTO deed (shop_id, who, trade_id, type, refund_id, at, source, event_id, amount, lines)
    SELECT h.shop_id, c.who, h.trade_id, h.type, '', h.at, h.source, h.event_id, h.amount, h.lines
    FROM history AS h JOIN customer AS c USING (shop_id, customer_id) WHERE h.trade_id IS NOT NULL
"""
ACTS = f"""
    INSERT INTO act (shop_id, slot_us, who, acts, views, dwell_seconds, dwells)
    SELECT h.shop_id, h.at - mod(h.at, {SLOT}), c.who, count(*), count(*) FILTER (WHERE h.type = 'page.viewed'),
        coalesce(sum(h.dwell_seconds), 0), count(h.dwell_seconds)
    FROM history AS h JOIN customer AS c USING (shop_id, customer_id) WHERE h.type <> 'customer.updated'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
VISITS = """
    INSERT INTO visit (shop_id, who, visit_id, begun_us, pages)
    SELECT h.shop_id, c.who, h.visit_id, min(h.at), count(*)
    FROM history AS h JOIN customer AS c USING (shop_id, customer_id) WHERE h.visit_id IS NOT NULL
    GROUP BY 1, 2, 3
"""
TRAITS = f"""
    INSERT INTO trait (shop_id, who, customer_id, gender, birthday, province, fan, joined_us)
    SELECT h.shop_id, c.who, c.customer_id, h.changes::json ->> 'gender', (h.changes::json ->> 'birthday')::date,
        h.changes::json ->> 'province', false,
        CASE WHEN h.changes::json ->> 'member' = 'true' THEN h.at - mod(h.at, {SLOT}) END
    FROM history AS h JOIN customer AS c USING (shop_id, customer_id) WHERE h.changes IS NOT NULL
"""
PRICES = f"""
    INSERT INTO price (shop_id, item_id, at, source, event_id, price)
    SELECT '{SHOP}', 'i' || n, 0, '{SOURCE}', 'price' || n, 1000 + n * 30 FROM generate_series(0, {ITEMS - 1}) AS n
"""
STALE_DAYS = mark(
    "(SELECT shop_id, slot_us AS at FROM act) AS acted", f"(SELECT max(slot_us) / {DAY} * {DAY} FROM act)"
)
STALE_PEOPLE = f"INSERT INTO stale_people (shop_id, first_who) SELECT DISTINCT shop_id, {of_people('who')} FROM trait"


async def populate(running: Servers, customers: int, *, due: bool = False, stale: bool = False) -> float:
    """`c0` … `c{customers - 1}` with ten events each: one profile, pages, carts, favourites and trades; in seconds.

    They are at rest, or all `due` at once, as when a day turns. With `stale` the worker has the sheets of all days
    still to pack, which otherwise would go on beside what is measured.
    """
    began = time.perf_counter()
    async with connected(running) as connection:
        now = micros(datetime.now(UTC))
        born = now - PAST // timedelta(microseconds=1)
        for start in range(0, customers, CHUNK):
            numbers = range(start, min(start + CHUNK, customers))
            rows = [row for number in numbers for row in past(number, now)]
            await connection.copy_records_to_table("history", records=rows, columns=histories.COLUMNS)
            await connection.copy_records_to_table(
                "customer",
                records=[(SHOP, f"c{number}", 1, born, now, now if due else None) for number in numbers],
                columns=CUSTOMER,
            )
        for statement in (DEEDS, ACTS, VISITS, TRAITS, PRICES, *((STALE_DAYS, STALE_PEOPLE) if stale else ())):
            await connection.execute(statement, timeout=600)
        # What many rows were added to at once is looked up through every page, until it was cleaned up.
        await connection.execute("VACUUM (ANALYZE) history, customer, deed, act, visit, trait", timeout=600)
    return time.perf_counter() - began


def past(number: int, now: int) -> Iterator[tuple[Any, ...]]:
    """What one customer was and did, the same for every run but for the moment it is counted back from."""
    chance = random.Random(number)
    span = PAST // timedelta(microseconds=1)
    born = f"{chance.randint(1950, 2008)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    profile = {
        "gender": chance.choice(("female", "male", None)),
        "birthday": born,
        "province": chance.choice(PROVINCES),
        "has_phone": True,
        "sms_consent": chance.random() < 0.6,
    }
    if number % 3 == 0:
        profile["member"] = True
    yield _row(number, now - span, 0, "customer.updated", changes=json.dumps(profile))
    for place in range(1, EVENTS_EACH):
        at = now - 1 - int(span * chance.random() ** 1.5)
        kind = chance.choices(KINDS, WEIGHTS)[0]
        item = int(ITEMS * chance.random() ** 2)
        trade, amount = (f"t{number}-{place}", chance.randint(1000, 60_000)) if kind.startswith("trade") else (None, 0)
        line = [f"i{item}", f"k{item % CATEGORIES}", 1, amount]
        viewed = (20 + item % 100, f"v{number}-{place}") if kind == "page.viewed" else (None, None)
        yield _row(number, at, place, kind, trade=trade, amount=amount, lines=json.dumps([line]), viewed=viewed)


KINDS = ("page.viewed", "cart.added", "favourite.added", "trade.paid", "trade.completed")
WEIGHTS = (50, 18, 6, 13, 13)


def _row(
    number: int,
    at: int,
    place: int,
    kind: str,
    *,
    trade: str | None = None,
    amount: int = 0,
    lines: str | None = None,
    changes: str | None = None,
    viewed: tuple[int | None, str | None] = (None, None),
) -> tuple[Any, ...]:
    id = f"past{number}-{place}"
    return (SHOP, f"c{number}", at, SOURCE, id, kind, trade, None, amount, lines, changes, *viewed)

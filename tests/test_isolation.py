"""No call sees another shop's rows, whatever its code asks for: the database itself holds the border."""

import asyncpg
import pytest

from huitou_chassis.db import database_url, user_url
from huitou_chassis.isolation import READ_ONLY, WORKERS_OWN, role
from tests import make
from tests.conftest import Stages
from tests.stage import PASSWORD, Stage

SERVICES = ("segment", "loyalty", "campaign", "notify")
OF_NO_SHOP = {"outbox", "assignment", "reread", *READ_ONLY}
"""Tables whose rows belong to no shop; what an API may do with them is listed below."""


@pytest.mark.parametrize("name", SERVICES)
async def test_every_table_of_shops_is_closed_to_calls_of_other_shops(stages: Stages, name: str) -> None:
    async with stages(name) as stage:
        tables = await stage.db.pool.fetch(
            """
            SELECT relname, relrowsecurity AND relforcerowsecurity AS closed, EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'shop_id'
            ) AS of_shops, (
                SELECT array_agg(pg_get_expr(polqual, polrelid) || '|' || pg_get_expr(polwithcheck, polrelid))
                FROM pg_policy WHERE polrelid = pg_class.oid
            ) AS policies
            FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            """
        )
    assert {row["relname"] for row in tables if not row["of_shops"]} <= OF_NO_SHOP
    mine = "(shop_id = current_setting('huitou.shop'::text, true))"
    for row in tables:
        if row["of_shops"]:
            assert (row["relname"], row["closed"]) == (row["relname"], True)
            assert (row["relname"], row["policies"]) == (row["relname"], [f"{mine}|{mine}"])


@pytest.mark.parametrize("name", SERVICES)
async def test_an_api_may_do_no_more_than_it_needs(stages: Stages, name: str) -> None:
    async with stages(name) as stage:
        rows = await stage.api.db.pool.fetch(
            """
            SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)
            FROM information_schema.table_privileges
            WHERE grantee = current_user AND table_schema = 'public' GROUP BY table_name
            """
        )
        rights = {row[0]: row[1] for row in rows}
        is_safe = await stage.api.db.pool.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
    assert rights.keys() & set(WORKERS_OWN) == set()
    assert {table: rights[table] for table in rights.keys() & OF_NO_SHOP} == {
        "outbox": "INSERT",
        "chassis_version": "SELECT",
        "service_version": "SELECT",
    }
    assert is_safe is not None and not any(is_safe)


async def test_a_statement_that_forgets_the_shop_finds_that_of_its_call(loyalty: Stage) -> None:
    await loyalty.put("/programme", json={"tiers": [{"key": "o", "name": "o", "trades": 1, "discount": 95}]})
    await loyalty.deliver(make.completed(customer="ada"), make.completed(customer="bob", shop="s2"))
    async with loyalty.api.db.transaction(shop="s2") as tx:
        assert [row[0] for row in await tx.fetch("SELECT customer_id FROM customer")] == ["bob"]
        assert await tx.execute("UPDATE customer SET due_us = 1 WHERE customer_id = 'ada'") == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute("INSERT INTO customer (shop_id, customer_id) VALUES ('s1', 'eve')")
    async with loyalty.api.db.transaction() as tx:
        assert await tx.fetch("SELECT customer_id FROM customer") == []


async def test_the_shop_of_a_call_is_forgotten_with_it(loyalty: Stage) -> None:
    async with loyalty.api.db.transaction(shop="s1"):
        pass
    with pytest.raises(ZeroDivisionError):
        async with loyalty.api.db.transaction(shop="s1"):
            raise ZeroDivisionError
    settings = [await loyalty.api.db.pool.fetchval("SELECT current_setting('huitou.shop', true)") for _ in range(20)]
    assert set(settings) <= {"", None}


async def test_one_service_cannot_enter_the_database_of_another(stages: Stages, postgres: str) -> None:
    async with stages("loyalty") as loyalty, stages("segment") as segment:
        mine = await loyalty.db.pool.fetchval("SELECT current_database()")
        theirs = await segment.db.pool.fetchval("SELECT current_database()")
    for user in ("api", "worker"):
        url = database_url(user_url(postgres, role(mine, user), PASSWORD), theirs)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url)

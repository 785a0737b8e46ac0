"""PostgreSQL that ends, hangs, is slow or refuses to write: nothing is lost, and nothing waits for ever."""

import asyncio
import os
import signal
import time

import httpx2
import pytest

from tests.faults.conftest import Measured
from tests.faults.proxy import Proxy
from tests.faults.rig import GRACE_SECONDS, Program, Rig
from tests.waiting import until

ANSWERED_WITHIN = 16
BACK_WITHIN = 5
TALLIES = "/v1/shops/s1/tallies"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=["fast", "immediate", "kill"])
async def test_a_restart_under_load(rig: Rig, measured: Measured, how: signal.Signals) -> None:
    await rig.worker()
    api = await rig.program("api")
    await until(api.ready)
    slowest = 0.0
    async with rig.streaming():
        for _ in range(3):
            await rig.until_taken()
            assert rig.postgres.pid
            os.kill(rig.postgres.pid, how)
            await rig.postgres.wait()
            answer = await api.get(TALLIES)
            assert answer is not None
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            await rig.postgres.start()
            slowest = max(slowest, await rig.until_taken())
    assert slowest < BACK_WITHIN
    measured(
        "11 PostgreSQL killed" if how == signal.SIGKILL else f"10 PostgreSQL restarted ({how.name})",
        "three times under load",
        f"the stream was back at most {slowest:.1f} s after it answered; calls meanwhile: 503",
    )


async def test_a_black_hole(rig: Rig, proxy: Proxy, measured: Measured) -> None:
    worker = await rig.worker("a", port=proxy.port)
    leaving = await rig.worker("b", port=proxy.port)
    api = await rig.program("api", port=proxy.port)
    await until(api.ready)
    async with rig.streaming():
        await rig.until_taken()
        await proxy.hole()
        ends = time.monotonic() + 60
        slowest, calls = 0.0, 0
        left = asyncio.create_task(leaving.stop())
        while time.monotonic() < ends:
            took, statuses = await _asked(api, 20)
            assert statuses == {503}
            slowest, calls = max(slowest, took), calls + 20
        assert await left < GRACE_SECONDS + 3
        await proxy.heal()
        back = await rig.until_taken()

        async def served() -> bool:
            answer = await api.get(TALLIES)
            return answer is not None and answer.status_code == 200

        began = time.monotonic()
        await until(served)
        again = time.monotonic() - began
    assert slowest < ANSWERED_WITHIN
    assert max(back, again) < 2 * BACK_WITHIN
    assert worker.deaths == 0
    measured(
        "12 black hole before PostgreSQL",
        f"60 s, {calls} calls and a stop meanwhile",
        f"each call answered within {slowest:.1f} s (503); the stop took {left.result():.1f} s; "
        f"stream back after {back:.1f} s, calls after {again:.1f} s",
    )


async def test_a_slow_way_to_the_database(rig: Rig, proxy: Proxy, measured: Measured) -> None:
    await rig.worker(port=proxy.port)
    await proxy.delay(0.5)
    # The tally counts trade by trade, each a way to the server and back.
    async with rig.streaming(every=5, number=1):
        took = await rig.until_taken()
        await asyncio.sleep(20)
    assert took < 20
    measured(
        "13 latency", "500 ms on every answer of PostgreSQL", f"a trade is counted after {took:.1f} s; none is lost"
    )


async def test_a_database_that_refuses_to_write(rig: Rig, measured: Measured) -> None:
    worker = await rig.worker()
    async with rig.streaming():
        await rig.until_taken()
        await _read_only(rig, "on")
        seen = await rig.total()
        await asyncio.sleep(10)
        assert await rig.total() == seen
        await _read_only(rig, "off")
        back = await rig.until_taken()
    assert worker.deaths == 0
    assert back < BACK_WITHIN
    measured(
        "15 read-only database", "for 10 s, as after a failover", f"waited; the stream was back after {back:.1f} s"
    )


async def test_a_transaction_that_stays_open_is_not_skipped_by_the_relay(rig: Rig, measured: Measured) -> None:
    await rig.worker()
    slow = await rig.connect()
    async with slow.transaction():
        # Its row has a lower number than those that are sent meanwhile.
        await slow.execute(
            "INSERT INTO outbox (topic, key, value) VALUES ('loyalty.members', 's1:slow', '{\"slow\": true}')"
        )
        await rig.publish(100)
        await until(rig.counted, within=30)
        await asyncio.sleep(2)
    await slow.close()

    async def sent() -> bool:
        return not await rig.fetch("SELECT 1 FROM outbox")

    await until(sent)
    assert await rig.said("loyalty.members", b"s1:slow") == [b'{"slow": true}']
    measured(
        "16 long open transaction",
        "one that wrote to the outbox stayed open, others committed",
        "sent when it committed",
    )


async def test_more_calls_than_connections(rig: Rig, measured: Measured) -> None:
    api = await rig.program("api")
    await until(api.ready)
    blocking = await rig.connect()
    async with blocking.transaction():
        await blocking.execute("LOCK TABLE tally")
        took, statuses = await _asked(api, 40)
    await blocking.close()
    assert statuses == {503}
    assert took < ANSWERED_WITHIN
    answer = await api.get(TALLIES)
    assert answer is not None
    assert answer.status_code == 200
    measured(
        "17 no connection free",
        "40 calls, 10 connections, each waiting for a lock",
        f"503 and Retry-After within {took:.1f} s",
    )


async def _asked(api: Program, number: int) -> tuple[float, set[int]]:
    """The slowest answer of so many calls at once in seconds, and the statuses."""

    async def one() -> tuple[float, int]:
        began = time.monotonic()
        answer = await api.get(TALLIES)
        assert answer is not None, "a call was not answered"
        assert answer.status_code == httpx2.codes.OK or answer.headers["retry-after"] == "1"
        return time.monotonic() - began, answer.status_code

    answers = await asyncio.gather(*(one() for _ in range(number)))
    return max(took for took, _ in answers), {status for _, status in answers}


async def _read_only(rig: Rig, value: str) -> None:
    connection = await rig.connect()
    await connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
    await connection.execute(f"ALTER DATABASE faults_tally SET default_transaction_read_only = {value}")
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'faults%'")
    await connection.close()

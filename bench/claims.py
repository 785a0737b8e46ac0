"""Claims a second on one coupon with 64 clients, against a plain UPDATE … WHERE stock > 0 with as many connections."""

import asyncio
import json
import time
from typing import Any

import asyncpg
import httpx2

from bench.servers import KEY, SHOP, Say, Servers, migrated, servers, service

CLIENTS = 64
CLAIMS = 20_000


async def plain(postgres: str) -> tuple[float, list[float]]:
    """What a shop engine does: one row, one statement a claim, and the claim beside it."""
    pool = await asyncpg.create_pool(postgres, min_size=CLIENTS, max_size=CLIENTS)
    await pool.execute("CREATE TABLE plain_coupon (id int PRIMARY KEY, stock int NOT NULL)")
    await pool.execute("CREATE TABLE plain_claim (customer text PRIMARY KEY)")
    await pool.execute("INSERT INTO plain_coupon VALUES (1, $1)", CLAIMS)
    claims = CLAIMS // 10

    async def claim(number: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            taken = await connection.fetchval(
                "UPDATE plain_coupon SET stock = stock - 1 WHERE id = 1 AND stock > 0 RETURNING 1"
            )
            if taken:
                await connection.execute("INSERT INTO plain_claim VALUES ($1)", f"c{number}")

    try:
        return await _storm(claim, claims)
    finally:
        await pool.close()


async def claimed(campaign: httpx2.AsyncClient) -> tuple[float, list[float]]:
    """The same through the API: HTTP, key, idempotency, coupon, claim, event."""
    body = {"name": "storm", "kind": {"off": 100}, "stock": CLAIMS, "per_customer": 1, "validity": {"days": 7}}
    made = await campaign.post("/coupons", json=body)
    made.raise_for_status()
    url = campaign.base_url
    lines = [await asyncio.open_connection(url.host, url.port) for _ in range(CLIENTS)]
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    path = f"/v1/shops/{SHOP}/coupons/{made.json()['id']}/claims"

    async def claim(number: int) -> None:
        line = await free.get()
        status = await _post(line[0], line[1], path, {"customer_id": f"c{number}"})
        free.put_nowait(line)
        if status != 201:
            raise RuntimeError(f"claim {number} was answered {status}")

    found = await _storm(claim, CLAIMS)
    for _, writer in lines:
        writer.close()
    return found


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: object) -> int:
    """One call on a kept connection; a full client would take more of the two cores than the service."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(answer.split(b" ", 2)[1])


async def _storm(claim: Any, claims: int) -> tuple[float, list[float]]:
    """`claims` of them by 64 clients: how many a second, and the seconds that each took, sorted."""
    numbers, seconds = iter(range(claims)), []

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            await claim(number)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return claims / (time.perf_counter() - began), sorted(seconds)


def _line(what: str, found: tuple[float, list[float]], base: float) -> str:
    rate, seconds = found
    p50, p99 = (seconds[int(len(seconds) * share)] * 1000 for share in (0.5, 0.99))
    return f"{what:<26} {rate:>8,.0f} claims/s   p50 {p50:.0f} ms   p99 {p99:.0f} ms   ratio {rate / base:.2f}"


async def main(say: Say, _customers: int) -> None:
    async with servers() as running:
        await _measure(running, say)


async def _measure(running: Servers, say: Say) -> None:
    await migrated("campaign", running)
    base = await plain(running.postgres)
    say(_line("plain UPDATE", base, base[0]))
    async with service(running, "campaign") as campaign:
        say(_line("claims through the API", await claimed(campaign), base[0]))

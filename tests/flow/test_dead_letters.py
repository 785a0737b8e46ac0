"""A shop that sells in another currency than it was set up for: found, mended and replayed with the commands."""

import asyncio
import os
import sys
from datetime import timedelta

from tests import make
from tests.flow import shop as shops
from tests.flow.platform import Platform
from tests.waiting import until

SHOP = "letters"


async def dead(platform: Platform, *words: str) -> str:
    """What `huitou dead ...` prints, on the running installation and with nothing else to go by."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUITOU_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "huitou_chassis.cli", "dead", *words),
        env=env | {"HUITOU_HOME": str(platform.home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_trades_in_another_currency_count_once_when_settings_are_right_and_they_are_replayed(
    platform: Platform,
) -> None:
    await shops.opened(platform, SHOP)
    now = await platform.now()
    trades = [
        make.completed(customer="ada", shop=SHOP, trade=f"t{n}", currency="GBP", amount=60_000, time=now - timedelta(n))
        for n in (1, 2)
    ]
    await platform.publish(trades)

    async def refused() -> bool:
        counts = [len(await platform.items(name, SHOP, "/dead-letters")) for name in ("loyalty", "segment")]
        return counts == [2, 2]

    await until(refused)
    assert await platform.items("campaign", SHOP, "/dead-letters") == []
    lines = (await dead(platform, "list", SHOP, "--by-reason")).splitlines()
    assert [line.split()[:2] + line.split()[-2:] for line in lines] == [
        ["segment", "2", "shop.trades", "wrong-currency"],
        ["loyalty", "2", "shop.trades", "wrong-currency"],
    ]
    id = (await dead(platform, "list", SHOP, "--service", "loyalty")).split()[0]
    assert '"type":"trade.completed"' in await dead(platform, "show", SHOP, id)

    # Replayed too early, they wait again.
    await dead(platform, "replay", SHOP, id)

    async def risen() -> bool:
        found = await platform.items("loyalty", SHOP, "/dead-letters")
        return sorted(letter["times"] for letter in found) == [1, 2] and {one["state"] for one in found} == {"waiting"}

    await until(risen)
    body = {"timezone": "Europe/London", "currency": "GBP", "language": "en"}
    assert (await platform.call("PUT", "segment", SHOP, "/settings", json=body)).status_code == 200
    assert await dead(platform, "replay", SHOP, "--reason", "wrong-currency") == (
        "segment: replayed 2, gone 0, too large 0\n"
        "loyalty: replayed 2, gone 0, too large 0\n"
        "campaign: replayed 0, gone 0, too large 0\n"
        "notify: replayed 0, gone 0, too large 0\n"
    )

    async def counted() -> bool:
        answer = await platform.call("GET", "loyalty", SHOP, "/members/ada")
        return answer.status_code == 200 and answer.json()["trades"] == 2

    await until(counted)
    await platform.publish(trades)
    assert "loyalty: replayed 0" in await dead(platform, "replay", SHOP, "--topic", "shop.trades")
    # Whatever else comes is behind all of these in the partition of this customer.
    await platform.publish([make.completed(customer="ada", shop=SHOP, trade="t3", currency="GBP", time=now)])

    async def third() -> bool:
        return bool((await platform.call("GET", "loyalty", SHOP, "/members/ada")).json()["trades"] == 3)

    await until(third)
    member = (await platform.call("GET", "loyalty", SHOP, "/members/ada")).json()
    assert (member["trades"], member["amount"]) == (3, 120_100)
    assert await dead(platform, "list", SHOP) == ""
    noted = [entry["path"].rpartition("/")[2] for entry in await platform.items("loyalty", SHOP, "/audit")]
    assert noted.count("replay") == 2


async def test_a_letter_is_dropped_with_its_reason(platform: Platform) -> None:
    await platform.send([("shop.trades", b"letters-drop:ada", b"{")])

    async def refused() -> str:
        return await dead(platform, "list", "letters-drop", "--service", "notify")

    id = (await until(refused)).split()[0]
    assert await dead(platform, "drop", "letters-drop", id, "--because", "their test") == f"{id}  dropped\n"
    assert "dropped  their test" in await dead(platform, "show", "letters-drop", id)
    assert await dead(platform, "list", "letters-drop", "--service", "notify") == ""

"""What a shop asks of each of its five loyalty levels, by trades and amount over the last six full months."""

from collections.abc import Sequence
from dataclasses import dataclass

from huitou_chassis import Invalid, Tx

NUMBER = 5


@dataclass(frozen=True)
class Level:
    """At least so many trades and at least this amount (minor unit)."""

    trades: int
    amount: int


USUAL = (Level(1, 0), Level(2, 20_000), Level(3, 50_000), Level(5, 100_000), Level(8, 200_000))


async def get(tx: Tx, shop: str) -> list[Level]:
    """From the lowest level to the highest."""
    levels = await tx.fetchval("SELECT loyalty_levels FROM snapshot_plan WHERE shop_id = $1", shop)
    return list(USUAL) if levels is None else [Level(*level) for level in levels]


async def put(tx: Tx, shop: str, levels: Sequence[Level]) -> None:
    """From the next snapshot on; Invalid unless each level asks for no less than the one below and for more of one."""
    if len(levels) != NUMBER:
        raise Invalid(field="levels", detail=f"{NUMBER} levels, the lowest first, are expected")
    for place in range(1, NUMBER):
        below, here = levels[place - 1], levels[place]
        for name in ("trades", "amount"):
            if getattr(here, name) < getattr(below, name):
                raise Invalid(field=f"levels[{place}].{name}", detail="no less than the level below asks for")
        if here == below:
            raise Invalid(field=f"levels[{place}]", detail="more trades or more amount than the level below asks for")
    await tx.execute(
        "UPDATE snapshot_plan SET loyalty_levels = $2 WHERE shop_id = $1",
        shop,
        [[level.trades, level.amount] for level in levels],
    )

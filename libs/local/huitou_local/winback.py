"""The demo's campaign: a coupon for lapsed customers who looked again, by SMS at the moment that suits each."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table

from huitou_local.api import Api
from huitou_local.backlog import Backlog
from huitou_local.figures import moment
from huitou_local.steps import Say, Steps

NAME = "Win-back"
RULE = {
    "all": [
        {"event": "trade.completed", "within": "720d"},
        {"not": {"event": "trade.completed", "within": "90d"}},
        {"event": "cart.added", "within": "30d"},
    ]
}
COUPON = {
    "name": "£10 off £50",
    "kind": {"off": 1000, "over": 5000},
    "stock": 1000,
    "per_customer": 1,
    "validity": {"days": 14},
}
DAYS = 3
HOUR = timedelta(hours=1)
PATIENCE = 60
BAR = 40
WAITING = ("scheduled", "retrying", "sending", "unknown", "sent")


class WinBack:
    """`run` starts a new plan each time; the audience is made once."""

    def __init__(self, api: Api, backlog: Backlog, steps: Steps) -> None:
        self._api = api
        self._backlog = backlog
        self._steps = steps
        self.audience = ""

    async def find_audience(self) -> None:
        async for audience in self._api.pages("segment", "/audiences"):
            if audience["name"] == NAME:
                self.audience = audience["id"]
                return
        self.audience = (await self._api.post("segment", "/audiences", {"name": NAME, "rule": RULE}))["id"]

    async def run(self) -> None:
        before = await self._members()
        plan = await self._start()
        deliveries = await self._three_days(plan["id"])
        await self._show_messages(deliveries, plan["id"])
        self._show_moves(before, await self._members(), datetime.fromisoformat(await self._api.clock()))

    async def _members(self) -> dict[str, dict[str, Any]]:
        """By audience, its members by customer."""
        names = {found["id"]: found["name"] async for found in self._api.pages("segment", "/audiences")}
        return {
            name: {
                member["customer_id"]: member async for member in self._api.pages("segment", f"/audiences/{id}/members")
            }
            for id, name in names.items()
        }

    async def _start(self) -> Any:
        """The plan, started and given out to the members of this moment."""
        with self._steps.step("The win-back plan starts") as say:
            now = datetime.fromisoformat(await self._api.clock())
            coupon = await self._api.post("campaign", "/coupons", COUPON)
            terms = {
                "name": f"{NAME} of {now:%d %B %Y}",
                "audience": self.audience,
                "channels": ["sms"],
                "coupon_id": coupon["id"],
                "template_id": "official-win-back",
                "timing": {"kind": "smart", "until": (now + timedelta(days=DAYS) - HOUR).isoformat()},
                "holdout": 0.1,
            }
            plan = await self._api.post("campaign", "/plans", terms)
            await self._api.post("campaign", f"/plans/{plan['id']}/start")
            deadline = time.monotonic() + PATIENCE
            while not await self._given_out(plan["id"], say):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the plan {plan['id']} is not given out after {PATIENCE} s")
                await asyncio.sleep(0.2)
            await self._backlog.emptied(say)
        return plan

    async def _given_out(self, plan: str, say: Say) -> bool:
        found = await self._api.get("campaign", f"/plans/{plan}/effects")
        say(f"{found['requested']} messages asked for, {found['held_out']} customers held out")
        done: int = found["requested"] + found["held_out"] + found["sold_out"]
        return bool(found["audience"]) and done >= found["audience"]

    async def _three_days(self, plan: str) -> list[Any]:
        """Sets the clock forward hour by hour, so that each message leaves at its moment."""
        with self._steps.step("The clock is set three days forward, from one planned hour to the next") as say:
            now = datetime.fromisoformat(await self._api.clock())
            end = now + timedelta(days=DAYS)
            while True:
                deliveries = await self._settled(plan, say)
                planned = sorted(at for one in deliveries if (at := due(one)) and at > now)
                if now >= end:
                    return deliveries
                ahead = min([end, *(at + timedelta(minutes=10) for at in planned[:1])])
                # What is planned for the same hour goes out together.
                now = max(min(end, ahead.replace(minute=59)), now + timedelta(minutes=1))
                await self._api.clock(now=now.isoformat())

    async def _settled(self, plan: str, say: Say) -> list[Any]:
        """The deliveries, when nothing is due any more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = [one async for one in self._api.pages("notify", "/deliveries", plan=plan)]
            now = datetime.fromisoformat(await self._api.clock())
            left = [one for one in found if one["state"] in WAITING and not ((at := due(one)) and at > now)]
            say(f"{moment(now.astimezone(UTC).isoformat())}, {Counter(one['state'] for one in found)}")
            if not left or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.1)

    async def _show_messages(self, deliveries: list[Any], plan: str) -> None:
        console = self._steps.console
        effects = await self._api.get("campaign", f"/plans/{plan}/effects")
        console.print(
            f"Of {effects['audience']} in the audience {effects['held_out']} are held out to compare with; "
            f"{effects['claimed']} coupons given, {effects['requested']} messages asked for, "
            f"{effects['reached']} customers reached."
        )
        hours = Counter(one["sent_at"][:13] for one in deliveries if one["sent_at"])
        table = Table("Sent (UTC)", "messages", "", title="What was sent when", title_justify="left")
        for hour, count in sorted(hours.items()):
            table.add_row(f"{hour.replace('T', ' ')}h", str(count), "█" * (BAR * count // max(hours.values())))
        console.print(table)
        reasons = Counter(one["reason"] for one in deliveries if one["state"] == "suppressed")
        table = Table("Reason", "messages", title="What was held back, and why", title_justify="left")
        for reason, count in reasons.most_common():
            table.add_row(str(reason), str(count))
        console.print(table)
        await self._show_text(deliveries)

    async def _show_text(self, deliveries: list[Any]) -> None:
        """One message as it arrived."""
        jobs = {one["job_id"] for one in deliveries if one["state"] == "delivered"}
        arrived = [message async for message in self._api.texts() if message["job_id"] in jobs]
        if arrived:
            self._steps.say(f"The last of them: [italic]{arrived[-1]['text']}[/]")

    def _show_moves(self, before: dict[str, Any], after: dict[str, Any], now: datetime) -> None:
        table = Table("Audience", "before", "left", "entered", "now", "for example", title_justify="left")
        table.title = "Who left which audience in these three days"
        for name, members in before.items():
            left = sorted(members.keys() - after[name].keys())
            entered = after[name].keys() - members.keys()
            # A new snapshot of the shop may end the repurchase cycle of an item before its time.
            ends = {one: until for one in left if (until := members[one]["until"])}
            kept = [one for one, until in ends.items() if datetime.fromisoformat(until) <= now]
            example = f"{kept[0]}, as promised until {moment(ends[kept[0]])}" if kept else ""
            counts = (len(members), len(left), len(entered), len(after[name]))
            table.add_row(name, *(f"{count:,}" for count in counts), example)
        self._steps.console.print(table)


def due(delivery: dict[str, Any]) -> datetime | None:
    """When a message that waits is to go out."""
    waits = delivery["state"] in ("scheduled", "retrying") and delivery["at"]
    return datetime.fromisoformat(delivery["at"]) if waits else None

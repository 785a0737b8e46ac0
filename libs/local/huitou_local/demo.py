"""The demo: a real shop's two years published, what the platform made of them, and a campaign over three days."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from huitou_chassis.settings import Settings
from huitou_events import Event
from huitou_local import simulated
from huitou_local.api import Api
from huitou_local.backlog import Backlog
from huitou_local.figures import Figures
from huitou_local.home import Home
from huitou_local.publisher import publish
from huitou_local.retail import CURRENCY, Retail
from huitou_local.steps import Steps
from huitou_local.winback import WinBack

SETTINGS = {"timezone": "Europe/London", "currency": CURRENCY, "language": "en"}
PROGRAMME = {
    "tiers": [
        {"key": "ordinary", "name": "Regular", "trades": 1, "discount": 100},
        {"key": "premium", "name": "Silver", "amount": 100_000, "trades": 5, "discount": 97},
        {"key": "vip", "name": "Gold", "amount": 500_000, "trades": 20, "discount": 95},
        {"key": "supreme", "name": "Platinum", "amount": 2_000_000, "trades": 60, "discount": 90},
    ],
    "joining": "on_payment",
    "mode": {"kind": "official"},
}


async def demo(home: Home, endpoints: Mapping[str, str], steps: Steps) -> None:
    """Everything, on a running installation; may be repeated, when nothing counts twice."""
    settings = Settings.model_validate({name: endpoints[name] for name in ("kafka", "postgres")})
    async with (
        Api.opened(endpoints) as api,
        Backlog.opened(settings) as backlog,
    ):
        with steps.step("The shop's settings, tiers and audiences"):
            await api.put("segment", "/settings", SETTINGS)
            await api.put("loyalty", "/programme", PROGRAMME)
        winback = WinBack(api, backlog, steps)
        await winback.find_audience()
        await publish_all(home, settings, datetime.fromisoformat(await api.clock()), steps)
        with steps.step("Everything published is dealt with") as say:
            await backlog.emptied(say)
        figures = Figures(api, steps.console)
        await figures.show_tiers()
        await figures.show_audiences()
        await figures.show_why(winback.audience)
        await winback.run()


async def publish_all(home: Home, settings: Settings, now: datetime, steps: Steps) -> None:
    with steps.step("The data is unpacked"):
        retail = Retail()
        shift = kept_shift(home, retail, now)
        made_up = simulated.events(retail.rows, shift)
    real = retail.count
    steps.say(
        f"  {real:,} real events (UCI Online Retail II, D. Chen, CC BY 4.0), {len(made_up):,} SIMULATED ones "
        "(carts, visits, phones, consent)"
    )
    everything: Iterable[Event[Any]] = merge(retail.events(shift), made_up, key=lambda event: event.time)
    columns = (
        TextColumn("Publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=steps.console) as progress:
        task = progress.add_task("publish", total=real + len(made_up))
        await publish(settings, everything, lambda done: progress.update(task, completed=done))


def kept_shift(home: Home, retail: Retail, now: datetime) -> timedelta:
    """Chosen once for a home: the same events again later are the same."""
    file = home.path / "demo" / "shift.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"weeks": retail.shift(now) // timedelta(weeks=1)}))
    return timedelta(weeks=json.loads(file.read_text())["weeks"])

"""What the tests of notify-svc say: who may be written to, and what is asked for."""

from datetime import datetime
from typing import Any

import httpx2

from huitou_events import Consent, CustomerUpdated, Event, MessageRequested, Poster, Timing
from tests import make
from tests.stage import Stage
from tests.waiting import until

TOKEN = "the operator's token"


class Desk:
    """The operator's desk."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def behave(self, fail: str | None = None, times: int | None = None) -> None:
        body = {"fail": fail, "times": times, "receipt_after": [0, 0]}
        (await self.client.put("/behaviour", json=body)).raise_for_status()

    async def taken(self, to: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/messages", params={"to": to})
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def reply(self, to: str, text: str) -> int:
        answer = await self.client.post("/replies", json={"from": to, "text": text})
        status: int = answer.raise_for_status().json()["status"]
        return status


class World:
    """One service and its operator. Phones and jobs are this test's own: the operator remembers those of all tests."""

    def __init__(self, stage: Stage, desk: Desk, number: int) -> None:
        self.stage = stage
        self.desk = desk
        self.number = number
        self.phone = self.phone_of(0)

    def phone_of(self, place: int) -> str:
        return f"+86138{self.number:04}{place:04}"

    def job(self, name: str) -> str:
        return f"w{self.number}-{name}"

    async def buyer(self, customer: str = "ada", **fields: Any) -> None:
        """A customer who may be written to: consent, a phone, a trade."""
        known = {"phone": self.phone, "consent": Consent(sms=True, source="test"), **fields}
        await self.stage.deliver(
            make.event(CustomerUpdated(customer_id=customer, **known), time=make.ago(days=100)),
            make.completed(customer=customer, trade=f"trade-{customer}", time=make.ago(days=90)),
        )

    async def ask(self, *names: str, **values: Any) -> None:
        """One message.requested for each name, in one batch."""
        await self.stage.deliver(*(self.requested(name, **values) for name in names))

    def requested(
        self,
        name: str = "j1",
        *,
        customer: str = "ada",
        timing: Timing | None = None,
        time: datetime = make.NOW,
        plan: str = "p1",
        **more: Any,
    ) -> Event[Any]:
        said = {"channel": "sms", "purpose": "marketing", "template_id": "official-win-back", **more}
        fact = MessageRequested(
            customer_id=customer, job_id=self.job(name), plan_id=plan, timing=timing or Timing(kind="now"), **said
        )
        return make.event(fact, time=time, id=f"request {self.job(name)} {plan}")

    async def delivery(self, name: str = "j1") -> dict[str, Any]:
        answer = await self.stage.get(f"/deliveries/{self.job(name)}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def state(self, name: str = "j1") -> tuple[str, str | None]:
        found = await self.delivery(name)
        return found["state"], found["reason"]

    async def until_state(self, wanted: str, name: str = "j1") -> None:
        """Waits for a receipt."""

        async def there() -> bool:
            return (await self.state(name))[0] == wanted

        await until(there, within=10)

    async def send(self) -> None:
        await self.stage.run_job("send")

    async def arrived(self, to: str | None = None) -> list[str]:
        """The jobs that the operator has taken for a phone, without this test's prefix."""
        jobs = [message["job_id"] for message in await self.desk.taken(to or self.phone)]
        return [job.removeprefix(self.job("")) for job in jobs]


def poster(**values: Any) -> dict[str, Any]:
    """What makes a request one for a poster."""
    content = Poster(slot="home", image="https://shop.example/autumn.png", link="https://shop.example/autumn")
    return {"channel": "poster", "poster": content, "template_id": None, **values}

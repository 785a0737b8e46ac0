"""A shop as it was told to segment-svc and to the naive model alike, and what was heard of its audiences."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from huitou_events import AudienceEntered, AudienceLeft, CustomerErased, Event, ShopUpdated
from segment_svc import builds
from segment_svc.verify import verify
from tests import make
from tests.naive import random_cases
from tests.naive.audiences import Customer, Rule, duration, evaluate, exists, is_member, moment
from tests.naive.facts import micros
from tests.stage import Stage

Step: TypeAlias = tuple[str, Any]


@dataclass
class Told:
    """`rules` and `ids` by the audience's name; `inside` says since when a customer is in an audience, as heard.

    `said` is the moment of the last that was heard of the two, `heard` all of it since the customer was erased, and
    `counted` how many came (True) and left. While audiences are `changing` they may still go by what held before.
    """

    stage: Stage
    customers: dict[str, Customer]
    rules: dict[str, Rule] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    inside: dict[tuple[str, str], int] = field(default_factory=dict)
    said: dict[tuple[str, str], int] = field(default_factory=dict)
    heard: dict[tuple[str, str], list[tuple[int, bool]]] = field(default_factory=dict)
    counted: Counter[tuple[str, bool]] = field(default_factory=Counter)
    changing: bool = False

    async def take(self, step: Step) -> None:
        """One step, and what it said."""
        kind, what = step
        await getattr(self, kind)(what)
        await self.listen(traced=kind not in ("erase", "zone"))
        if kind == "erase":
            self._forget(what)

    async def deliver(self, batch: list[Event[Any]]) -> None:
        await self.stage.deliver(*batch)
        for name, customer in self.customers.items():
            own = [event for event in batch if event.subject == name]
            self.customers[name] = replace(customer, arrived=[*customer.arrived, *own])

    async def erase(self, who: str) -> None:
        """The customer is forgotten up to now, with their tags."""
        self.customers[who] = replace(self.customers[who], tags=frozenset(), called_at=None)
        fact = CustomerErased(customer_id=who)
        await self.deliver([make.event(fact, shop=self.stage.shop, time=moment(self.stage.clock.at))])

    async def zone(self, name: str) -> None:
        """The shop moves to another time zone."""
        fact = ShopUpdated(timezone=name, currency="CNY", language="zh")
        await self.stage.deliver(make.event(fact, shop=self.stage.shop, time=moment(self.stage.clock.at)))
        self.changing = True
        for who, customer in self.customers.items():
            self.customers[who] = replace(customer, zone=ZoneInfo(name))

    async def audience(self, named: tuple[str, Rule]) -> None:
        """A new audience, or one with another rule."""
        name, rule = named
        body = {"name": name, "rule": written(rule, self.ids)}
        if name in self.ids:
            answer = await self.stage.patch(f"/audiences/{self.ids[name]}", json=body)
        else:
            answer = await self.stage.post("/audiences", json=body)
        assert answer.is_success, answer.text
        self.changing = True
        self.ids[name] = answer.json()["id"]
        self.rules[name] = rule
        for who, customer in self.customers.items():
            self.customers[who] = replace(customer, audiences=self.rules)

    async def build(self, chunks: int) -> None:
        """Some of the work on new and changed audiences, and not more."""
        for _ in range(chunks):
            await builds.advance(self.stage.ctx)

    async def drop(self, name: str) -> None:
        """No audience any more, unless another one names it; whoever was in it has left."""
        if name in self.ids and (await self.stage.delete(f"/audiences/{self.ids[name]}")).is_success:
            await self.stage.settle()
            await self.listen(traced=False)
            assert not [key for key in self.inside if key[0] == self.ids[name]]
            del self.ids[name], self.rules[name]

    async def keep(self, named: tuple[str, Rule]) -> None:
        """A tag is kept by a rule from now on, or by another; one that people have put on is not given to a rule."""
        name, rule = named
        answer = await self.stage.put(f"/tags/{name}", json={"rule": written(rule, self.ids)})
        assert answer.is_success or answer.json()["type"] == "put-by-hand", answer.text
        if answer.is_success:
            self.changing = True
            self.rules[f"#{name}"] = rule
            for who, customer in self.customers.items():
                self.customers[who] = replace(customer, audiences=self.rules)

    async def tag(self, given: tuple[str, str, bool]) -> None:
        """A tag put on or taken off."""
        who, name, on = given
        customer, at = self.customers[who], self.stage.clock.at
        answer = await (self.stage.put if on else self.stage.delete)(f"/customers/{who}/tags/{name}")
        if f"#{name}" in self.rules:
            assert answer.json()["type"] == "kept-by-rule"
            return
        assert answer.is_success or (answer.status_code == 404 and not on), answer.text
        if answer.is_success:
            tags = customer.tags | {name} if on else customer.tags - {name}
            called_at = at if customer.called_at is None else customer.called_at
            self.customers[who] = replace(customer, tags=tags, called_at=called_at)

    async def move(self, to: datetime) -> None:
        """Moves the clock; each moment on the way at which something changes is said, with its own time, in order."""
        if micros(to) <= self.stage.clock.at:
            return
        await self.compare()
        before, self.stage.clock.at = self.stage.clock.at, micros(to)
        await self.stage.settle()
        said = [
            (event.subject, event.data.audience_id, micros(event.data.at), event.type)
            for event in await self.listen(traced=True)
        ]
        for name, audience in self.ids.items():
            for who, customer in self.customers.items():
                heard = [
                    (at, type == "audience.entered") for one, other, at, type in said if (one, other) == (who, audience)
                ]
                assert heard == list(changes(self.rules[name], customer, before, micros(to))), f"{who} in {name}"

    async def listen(self, *, traced: bool) -> list[Event[Any]]:
        """What was said: who enters was out, who leaves was in; at a moment that explains it, or when it was found."""
        names = {audience: name for name, audience in self.ids.items()}
        events = [event for event in await self.stage.emitted() if event.shop == self.stage.shop]
        moved = [event for event in events if isinstance(event.data, AudienceEntered | AudienceLeft)]
        for event in moved:
            key, at = (event.data.audience_id, event.subject), micros(event.data.at)
            entered = isinstance(event.data, AudienceEntered)
            assert (key in self.inside) != entered
            # Of two batches with events of one moment, each is told for itself.
            again = self.said.get(key) == at
            self.said[key] = at
            self.heard.setdefault(key, []).append((at, entered))
            self.counted[key[0], entered] += 1
            if entered:
                self.inside[key] = at
            else:
                del self.inside[key]
            if traced and not self.changing and key[0] in names and at != self.stage.clock.at and not again:
                rule, customer = self.rules[names[key[0]]], self.customers[event.subject]
                assert is_member(rule, customer, at) == entered != is_member(rule, customer, at - 1), f"said at {at}"
        return moved

    async def compare(self) -> None:
        """The API's members, what was said, and previews are the naive model's."""
        await self.stage.settle()
        await self.listen(traced=False)
        self.changing = False
        differences = await verify(self.stage.ctx, self.stage.shop, None)
        assert differences == [], differences
        for name, rule in self.rules.items():
            if name.startswith("#"):
                tagged = [who for who, one in self.customers.items() if is_member(rule, one, self.stage.clock.at)]
                found = (await self.stage.get(f"/tags/{name[1:]}/customers")).json()["items"]
                assert [one["customer_id"] for one in found] == sorted(tagged), name
        for name, audience in self.ids.items():
            assert (await self.stage.get(f"/audiences/{audience}")).json()["state"] == "live"
            found = (await self.stage.get(f"/audiences/{audience}/members")).json()["items"]
            members = {member["customer_id"]: member for member in found}
            now, rule = self.stage.clock.at, self.rules[name]
            for who, customer in self.customers.items():
                expected = is_member(rule, customer, now)
                assert (who in members) == expected, f"{who} in {name}"
                assert ((audience, who) in self.inside) == expected, f"{who} was heard of in {name}"
                await self._explain(audience, who, rule, members.get(who))
            await self._look_back(audience, len(members))
            await self._look_ahead(audience, rule)
            tried = await self.stage.post("/audiences/preview", json={"rule": written(rule, self.ids)})
            assert tried.json()["size"] == len(members)

    def _forget(self, who: str) -> None:
        """Of who was erased only what they are in now begins anew."""
        for key in [key for key in self.heard if key[1] == who]:
            self.heard[key] = [(self.inside[key], True)] if key in self.inside else []

    async def _look_back(self, audience: str, size: int) -> None:
        """The audience as it was at each moment that was heard of it, its size, and how many ever came and left."""
        told = (await self.stage.get(f"/audiences/{audience}")).json()
        assert told["size"] == size
        heard = {
            who: sorted(moves, key=lambda move: move[0]) for (one, who), moves in self.heard.items() if one == audience
        }
        moments = sorted({at for moves in heard.values() for at, _ in moves})
        for t in moments[:2] + moments[-2:]:
            answer = await self.stage.get(f"/audiences/{audience}/members", params={"at": moment(t).isoformat()})
            if t < micros(datetime.fromisoformat(told["created_at"])):
                assert answer.status_code == 422
                continue
            were = {
                who: last[0]
                for who, moves in heard.items()
                if (last := [move for move in moves if move[0] <= t][-1:]) and last[0][1]
            }
            found = {one["customer_id"]: micros(datetime.fromisoformat(one["since"])) for one in answer.json()["items"]}
            assert found == {who: at for who, (at, _) in were.items()}
        query = "SELECT sum(entries), sum(exits) FROM flow WHERE shop_id = $1 AND audience_id = $2"
        totals = await self.stage.db.pool.fetchrow(query, self.stage.shop, audience)
        assert totals is not None
        assert [int(total or 0) for total in totals] == [self.counted[audience, True], self.counted[audience, False]]

    async def _look_ahead(self, audience: str, rule: Rule) -> None:
        """Its size at the end of each of the next days, if nothing happens."""
        answer = await self.stage.get(f"/audiences/{audience}/forecast", params={"days": 12})
        for day in answer.json()["days"]:
            end = micros(datetime.fromisoformat(day["until"])) - 1
            assert day["size"] == sum(is_member(rule, customer, end) for customer in self.customers.values())

    async def _explain(self, audience: str, who: str, rule: Rule, member: dict[str, Any] | None) -> None:
        """What is told of one customer: since, until and why."""
        customer, now = self.customers[who], self.stage.clock.at
        answer = await self.stage.get(f"/audiences/{audience}/members/{who}")
        if answer.status_code == 404:
            assert not exists(customer, now)
            return
        told = answer.json()
        assert told["member"] == (member is not None)
        assert told["why"]["value"] == evaluate(rule, customer, now)
        if member is None:
            return
        assert told["until"] == member["until"] and told["since"] == member["since"]
        assert micros(datetime.fromisoformat(member["since"])) == self.inside[audience, who]
        ends = [at for at, _ in changes(rule, customer, now, now + duration("90d"))]
        until = micros(datetime.fromisoformat(member["until"])) if member["until"] else None
        assert until == ends[0] if ends else until is None or until > now + duration("90d")


def written(rule: Any, ids: dict[str, str]) -> Any:
    """A rule with the ids of the audiences that it names."""
    if isinstance(rule, list):
        return [written(part, ids) for part in rule]
    if not isinstance(rule, dict):
        return rule
    return {key: ids[part] if key == "audience" else written(part, ids) for key, part in rule.items()}


def changes(rule: Rule, customer: Customer, before: int, now: int) -> Iterator[tuple[int, bool]]:
    """When the membership changes after one moment and up to another, and to what."""
    value = is_member(rule, customer, before)
    for t in edges(customer, before, now):
        if is_member(rule, customer, t) != value:
            value = not value
            yield t, value


def edges(customer: Customer, before: int, now: int) -> list[int]:
    """All moments on the way at which anything may change: ends of windows, midnights, and windows before them."""
    spans = [0, *map(duration, random_cases.WINDOWS)]
    ends = {micros(event.time) + span for event in customer.events for span in spans}
    first = moment(before).astimezone(customer.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (now - before) // duration("1d") + 3 + max(spans) // duration("1d")
    midnights = {micros(first + timedelta(day)) - span for day in range(days) for span in spans}
    return sorted(t for t in ends | midnights if before < t <= now)

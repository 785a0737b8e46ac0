"""Facts -> standing -> member.joined, tier.changed, membership.ended; the one path by which anything changes.

A customer whose news all come after what was judged is walked on from there. Anybody else, because something came
late, fell due or was erased, is derived anew from all their facts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import orjson

from huitou_chassis import Tx
from huitou_events import moment
from loyalty_svc import announcements, customers, facts, programmes
from loyalty_svc.announcements import Announcement, Verdict
from loyalty_svc.models import Customer, Who
from loyalty_svc.standing import ERASED, Fact, Step, derive, erasure, proceed
from loyalty_svc.tiers import Version


async def settle(tx: Tx, news: Mapping[Who, Sequence[Fact]]) -> None:
    """Takes the news of these customers, with all that fell due for them, and says what changed."""
    versions = await programmes.hold(tx, {shop for shop, _ in news})
    rows = await customers.lock(tx, news)
    fresh = {who: _unforgotten(row, news[who]) for who, row in rows.items()}
    # Another transaction may have judged up to a later moment while this one waited for the row.
    now = {who: max(tx.us, row.walked_us or 0) for who, row in rows.items()}
    onward = {who for who, row in rows.items() if _only_onward(row, fresh[who], now[who])}
    trades = {(*who, fact.trade_id) for who in onward if rows[who].walked_us is not None for fact in fresh[who]}
    known = await facts.of_trades(tx, sorted(trades)) if trades else {}
    anew = sorted(rows.keys() - onward)
    if anew:
        known |= await facts.of_customers(tx, anew)
    await facts.add(tx, fresh)
    verdicts = [
        _walk_on(row, known.get(who, ()), fresh[who], versions[who[0]], now[who])
        if who in onward
        else _judge_anew(row, known.get(who, ()), fresh[who], versions[who[0]], now[who])
        for who, row in rows.items()
    ]
    await _keep(tx, verdicts)


def standing_of(row: Customer, known: Collection[Fact], versions: Sequence[Version], now_us: int) -> Customer:
    """The row as it must be at a moment, recomputed from all facts of the customer."""
    past = [fact for fact in known if fact.us <= now_us]
    ahead = [fact.us for fact in known if fact.us > now_us]
    erased_us = max((us for us in (row.erased_us, erasure(past)) if us is not None), default=None)
    derived = derive((fact for fact in past if erased_us is None or fact.us > erased_us), versions, now_us=now_us)
    return replace(
        row,
        erased_us=erased_us,
        walked_us=max((us for us in (row.walked_us, *(fact.us for fact in past)) if us is not None), default=None),
        due_us=min(ahead, default=None),
        standing=replace(derived, steps=()),
        history=written(derived.steps),
    )


def written(steps: Sequence[Step]) -> str:
    """The steps as they are kept."""
    return orjson.dumps(steps).decode()


def read(history: str) -> tuple[Step, ...]:
    """The steps from how they are kept."""
    return tuple(Step(**step) for step in orjson.loads(history))


def _unforgotten(row: Customer, news: Sequence[Fact]) -> Sequence[Fact]:
    if row.erased_us is None:
        return news
    return [fact for fact in news if fact.us > row.erased_us]


def _only_onward(row: Customer, news: Sequence[Fact], now_us: int) -> bool:
    if row.due_us is not None and row.due_us <= now_us:
        return False
    walked_us = row.walked_us
    return all(
        (walked_us is None or fact.us > walked_us) and (fact.kind != ERASED or fact.us > now_us) for fact in news
    )


def _walk_on(
    row: Customer, known: Sequence[Fact], news: Sequence[Fact], versions: Sequence[Version], now_us: int
) -> Verdict:
    earlier = sorted((fact for fact in known if fact.us <= now_us), key=lambda fact: fact.place)
    past = sorted((fact for fact in news if fact.us <= now_us), key=lambda fact: fact.place)
    ahead = [fact.us for fact in news if fact.us > now_us]
    standing = proceed(row.standing, earlier, past, versions)
    after = Customer(
        row.who,
        row.erased_us,
        walked_us=past[-1].us if past else row.walked_us,
        due_us=min((us for us in (row.due_us, *ahead) if us is not None), default=None) if ahead else row.due_us,
        said_us=row.said_us,
        standing=replace(standing, steps=()) if standing.steps else standing,
        history=written((*read(row.history), *standing.steps)) if standing.steps else row.history,
    )
    return Verdict(row, after, news, standing.steps, onward=True)


def _judge_anew(
    row: Customer, known: Sequence[Fact], news: Sequence[Fact], versions: Sequence[Version], now_us: int
) -> Verdict:
    after = standing_of(row, [*known, *news], versions, now_us)
    return Verdict(row, after, news, read(after.history), onward=False)


async def _keep(tx: Tx, verdicts: Sequence[Verdict]) -> None:
    erased = {
        verdict.after.who: verdict.after.erased_us
        for verdict in verdicts
        if verdict.after.erased_us is not None and verdict.after.erased_us != verdict.before.erased_us
    }
    await facts.forget(tx, erased)
    changed: list[Customer] = []
    said: list[tuple[str, Announcement]] = []
    for verdict in verdicts:
        after = verdict.after
        told = announcements.of(verdict, tx.us)
        if told:
            said += [(after.who[0], announcement) for announcement in told]
            after = replace(after, said_us=told[-1].us)
        if after != verdict.before:
            changed.append(after)
    await customers.save(tx, changed)
    for shop, told_of in sorted(said, key=lambda pair: pair[1].us):
        tx.emit(told_of.fact, shop=shop, because=told_of.because, about=told_of.about, time=moment(told_of.us))

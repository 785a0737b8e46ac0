"""A customer's way from a moment to now: at each moment where something changes, who enters and who leaves is said.

Evaluating tells of each rule at which moments it turns until now, what the later news led to included: one look is the
whole way, however much happened on it. What a late event or a build changes was not seen in its time: it is found now,
and only what it comes to is said.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from huitou_chassis import Tx
from huitou_events import AudienceEntered, AudienceLeft, Event, moment
from segment_svc import customers, members, moves, rules
from segment_svc.birthdays import AHEAD
from segment_svc.customers import Customer, Key
from segment_svc.evaluate import courses
from segment_svc.moves import Move, Way
from segment_svc.people import NEVER, People
from segment_svc.roster import Roster, Selection

Cause: TypeAlias = Event[Any] | str


@dataclass(slots=True)
class Walk:
    """One customer's way; `causes` by their moment, `late` what was found now and `found` the audiences it concerns.

    Only the audiences `touched` are looked at, unless a moment of any is due. `anew` is the way of a customer who was
    erased just now: what led up to it is not kept.
    """

    customer: Customer
    roster: Roster
    now: int
    touched: frozenset[str] = frozenset()
    causes: Mapping[int, Cause] = field(default_factory=dict)
    late: Cause | None = None
    found: frozenset[str] = frozenset()
    at: int = NEVER
    start: int = NEVER
    whole: bool = False
    anew: bool = False
    inside: dict[str, int] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        customer = self.customer
        self.now = max(self.now, customer.evaluated or self.now)
        self.inside = customer.members
        due = customer.due is not None and customer.due <= self.now
        self.whole = self.whole or customer.evaluated is None or due
        self.at = self.start = min(self._starts(), default=NEVER)

    def _starts(self) -> list[int]:
        customer = self.customer
        if customer.evaluated is None:
            return [] if customer.born is None else [customer.born]
        starts = [] if customer.due is None else [customer.due]
        if self.touched:
            starts += self.causes
            if self.late is not None:
                starts.append(max(customer.evaluated, customer.born or customer.evaluated))
        return starts

    @property
    def selection(self) -> Selection:
        return self.roster.select(None if self.whole else self.touched)

    def leave(self, at: int, audiences: Collection[str] | None = None) -> None:
        """Out of these audiences, or all, at the moment, before the way begins."""
        leaving = [audience for audience in self.inside if audiences is None or audience in audiences]
        self.moves += [Move(at, audience, False) for audience in leaving]
        self.inside = {audience: since for audience, since in self.inside.items() if audience not in leaving}

    def move(self, audience: str, at: int) -> None:
        """In or out of the audience at the moment, whichever the customer is not."""
        if self.inside is self.customer.members:
            self.inside = dict(self.inside)
        entered = audience not in self.inside
        if entered:
            self.inside[audience] = at
        else:
            del self.inside[audience]
        self.moves.append(Move(at, audience, entered))


async def advance(tx: Tx, walks: Sequence[Walk], *, keep: Collection[Key] | None = None) -> None:
    """Brings the customers to now: memberships, what is said of them, the next moments, their rows.

    What is known of them is kept in mind, or of those to `keep`.
    """
    active = [walk for walk in walks if walk.at <= walk.now]
    while active:
        for selection, group in _groups(active):
            _look(selection, group)
        active = [walk for walk in active if walk.at <= walk.now]
    await arrive(tx, walks, keep=keep)


async def arrive(tx: Tx, walks: Sequence[Walk], *, keep: Collection[Key] | None = None) -> None:
    """Writes and says what walks came to that have got to now."""
    reached = await _reached(tx, walks)
    ways = []
    for walk in walks:
        settled = _settled(walk, reached)
        _say(tx, walk, settled)
        _close(walk, settled)
        ways.append(Way(walk.customer, settled, walk.inside, walk.anew))
    await members.write(tx, [(walk.customer, walk.inside) for walk in walks])
    await moves.write(tx, ways)
    for walk in walks:
        walk.customer.members = walk.inside
    await customers.save(tx, [walk.customer for walk in walks], keep=keep)


def _groups(walks: Iterable[Walk]) -> Iterable[tuple[Selection, list[Walk]]]:
    groups: dict[int, tuple[Selection, list[Walk]]] = {}
    for walk in walks:
        selection = walk.selection
        groups.setdefault(id(selection), (selection, []))[1].append(walk)
    return groups.values()


def _look(selection: Selection, group: Sequence[Walk]) -> None:
    """Evaluates the group, each at their own moment, and moves each on, nearly always until now."""
    people = People.of([walk.customer.person for walk in group], selection.timezone)
    at = np.array([walk.at for walk in group], np.int64)
    limit = np.array([walk.now for walk in group], np.int64)
    if selection.birthdays:
        np.minimum(limit, at + AHEAD, out=limit)
    following = np.full(len(group), NEVER, np.int64)
    places: dict[str, list[int]] = defaultdict(list)
    for place, walk in enumerate(group):
        for audience in walk.inside:
            places[audience].append(place)
    for audience, course in courses(selection.rules, people, at, limit).items():
        inside = np.zeros(len(group), np.bool_)
        inside[places.get(audience, [])] = True
        for place in np.flatnonzero(inside != course.value).tolist():
            group[place].move(audience, group[place].at)
        for place, turned in zip(course.who.tolist(), course.moment.tolist(), strict=True):
            group[place].move(audience, turned)
        np.minimum(following, course.until, out=following)
        if audience in selection.birthdays:
            # What follows a turn is not known for as long as the turn itself was: there it is looked at again.
            following[course.who] = np.minimum(following[course.who], limit[course.who])
    for walk, then in zip(group, following.tolist(), strict=True):
        walk.at = then


async def _reached(tx: Tx, walks: Sequence[Walk]) -> dict[tuple[str, str], str]:
    """How far each build has come, by shop and audience: customers up to this one were found already."""
    shops = sorted({walk.roster.shop for walk in walks if walk.roster.building})
    if not shops:
        return {}
    rows = await tx.fetch(
        "SELECT shop_id, audience_id, coalesce(reached, '') FROM audience"
        " WHERE shop_id = ANY($1::text[]) AND state = 'building'",
        shops,
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _settled(walk: Walk, reached: Mapping[tuple[str, str], str]) -> list[Move]:
    """What is to be said of the moves, in order."""
    if not walk.moves:
        return []
    runs: dict[str, list[Move]] = defaultdict(list)
    for move in walk.moves:
        runs[move.audience].append(move)
    kept: list[Move] = []
    for audience, run in runs.items():
        come_to = reached.get((walk.roster.shop, audience))
        initial = come_to is not None and walk.customer.id > come_to
        if not initial and audience not in walk.found:
            kept += run
        elif len(run) % 2:
            # At the start, what is late is looked at together with what happens then.
            in_time = run[-1].at in walk.causes and run[-1].at != walk.start and not initial
            at = run[-1].at if in_time else walk.now
            kept.append(Move(at, audience, run[-1].entered, initial))
            if run[-1].entered:
                walk.inside[audience] = at
        elif audience in walk.inside:
            walk.inside[audience] = walk.customer.members[audience]
    return sorted(kept)


def _say(tx: Tx, walk: Walk, moves: Sequence[Move]) -> None:
    """Of tags nothing is said: their audiences are the shop's own affair."""
    customer = walk.customer
    for move in moves:
        if rules.is_hidden(move.audience):
            continue
        at = moment(move.at)
        fact: AudienceEntered | AudienceLeft
        if move.entered:
            fact = AudienceEntered(customer_id=customer.id, audience_id=move.audience, at=at, initial=move.initial)
        else:
            fact = AudienceLeft(customer_id=customer.id, audience_id=move.audience, at=at)
        because = _cause(walk, move)
        tx.emit(fact, shop=customer.shop, because=because, about=move.audience, time=at)


def _cause(walk: Walk, move: Move) -> Cause:
    if move.at in walk.causes and not move.initial:
        return walk.causes[move.at]
    if move.initial or move.audience in walk.found:
        return walk.late or f"{walk.customer.id} as of {walk.customer.version}"
    return f"{walk.customer.id} at {move.at}"


def _close(walk: Walk, moves: Sequence[Move]) -> None:
    """The row's moments after the walk."""
    customer = walk.customer
    walked = walk.start <= walk.now
    taken = [at for at in walk.causes if at <= walk.now] + [move.at for move in moves]
    if customer.evaluated is not None:
        taken.append(customer.evaluated)
    elif walked:
        taken.append(walk.start)
    customer.evaluated = max(taken, default=None) if customer.exists(walk.now) else None
    following = [walk.at]
    if not (walk.whole and walked):
        following += [at for at in walk.causes if at > walk.now]
        if customer.due is not None:
            following.append(customer.due)
    due = min(following)
    customer.due = None if due == NEVER else due

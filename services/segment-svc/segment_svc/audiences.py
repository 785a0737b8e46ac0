"""A shop's audiences as operators see and change them; finding the members is left to builds."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huitou_chassis import Conflict, Invalid, NotFound, Tx
from segment_svc import plans, replacements, roster, rules
from segment_svc.nodes import Rule
from segment_svc.references import COMING, coming
from segment_svc.roster import Roster
from segment_svc.rules import Reads, RuleError

FOUND = f"""
    SELECT a.audience_id, a.name, coalesce(c.rule, a.rule),
        CASE WHEN c.audience_id IS NULL THEN a.state ELSE 'building' END, a.recommended, a.created_us, (
            SELECT coalesce(sum(members), 0)::bigint FROM headcount AS h
            WHERE h.shop_id = a.shop_id AND h.audience_id = a.audience_id
        ), a.rule, coalesce(a.timezone, (SELECT r.timezone FROM roster AS r WHERE r.shop_id = a.shop_id))
    FROM audience AS a {replacements.COMING}
"""


@dataclass(frozen=True)
class Audience:
    """An audience with the number of its members as far as they are found; `created` in microseconds.

    While it is building they may go by another rule than the one that is wanted, the one `in_force`, and by the days of
    another zone than the shop's, the `timezone`.
    """

    id: str
    name: str
    rule: Mapping[str, Any]
    state: str
    recommended: bool
    created: int
    size: int
    in_force: Mapping[str, Any]
    timezone: str


async def listed(tx: Tx, shop: str, *, after: str, limit: int) -> list[Audience]:
    """Audiences in the order of their ids, from the one after `after`; without those of tags."""
    await roster.read(tx, [shop])
    rows = await tx.fetch(
        f"""
        {FOUND}
        WHERE a.shop_id = $1 AND a.audience_id > $2 AND a.audience_id NOT LIKE '#%' AND a.audience_id NOT LIKE '=%'
            AND a.state <> 'ending'
        ORDER BY a.audience_id
        LIMIT $3
        """,
        shop,
        after,
        limit,
    )
    return [Audience(*row) for row in rows]


async def get(tx: Tx, shop: str, audience: str) -> Audience:
    """The audience; NotFound if there is none, or it is that of a tag."""
    await roster.read(tx, [shop])
    row = await tx.fetchrow(
        f"{FOUND} WHERE a.shop_id = $1 AND a.audience_id = $2 AND a.state <> 'ending'", shop, audience
    )
    if row is None or rules.is_hidden(audience):
        raise unknown(audience)
    return Audience(*row)


async def check(tx: Tx, shop: str, *named: str) -> None:
    """NotFound for the first of these that is none, or is that of a tag."""
    there = (await roster.read(tx, [shop]))[shop]
    for audience in named:
        if audience not in there.rules or rules.is_hidden(audience):
            raise unknown(audience)


def unknown(audience: str) -> NotFound:
    """What a call is answered that names no audience of the shop."""
    return NotFound(f"no audience {audience!r}; GET /audiences lists them")


async def create(tx: Tx, shop: str, *, name: str, rule: Mapping[str, Any]) -> Audience:
    """A new audience, whose members are found from now on; Invalid for a wrong rule."""
    there = await roster.alter(tx, shop)
    compiled(rule, there.rules)
    audience = f"aud_{secrets.token_hex(8)}"
    await _add(tx, shop, audience, name, rule)
    await _come_along(tx, there, audience, rule)
    await roster.changed(tx, shop)
    return await get(tx, shop, audience)


async def alter(tx: Tx, shop: str, audience: str, *, name: str | None, rule: Mapping[str, Any] | None) -> Audience:
    """Another name or rule; another rule holds when its members are found, those of audiences around it too."""
    there = await roster.alter(tx, shop)
    before = await _own(tx, shop, audience)
    if name is not None:
        await tx.execute("UPDATE audience SET name = $3 WHERE shop_id = $1 AND audience_id = $2", shop, audience, name)
    if rule is not None and rule != before.rule:
        await _change_rule(tx, there, audience, rule)
    return await get(tx, shop, audience)


async def end(tx: Tx, shop: str, audience: str) -> None:
    """No audience any more; its members are let go by builds.

    Conflict while another audience contains it or a running plan uses it.
    """
    there = await roster.alter(tx, shop)
    await _own(tx, shop, audience)
    if running := await plans.using(tx, shop, audience):
        raise Conflict(
            "in-use", f"audience {audience!r} is that of running plans: {', '.join(running)}; end these first"
        )
    await _end(tx, there, audience)


async def keep(tx: Tx, there: Roster, tag: str, rule: Mapping[str, Any]) -> None:
    """The tag is on those for whom the rule holds, found anew; who holds the roster alone may ask for it."""
    audience = rules.kept(tag)
    row = await tx.fetchrow(
        f"""
        SELECT a.state, coalesce(c.rule, a.rule) AS rule FROM audience AS a {replacements.COMING}
        WHERE a.shop_id = $1 AND a.audience_id = $2
        """,
        there.shop,
        audience,
    )
    if row is None:
        await _add(tx, there.shop, audience, tag, rule)
    elif row["state"] == "ending":
        raise Conflict("ending", f"those who had tag {tag!r} by its rule before are being let go; try again")
    if row is None or rule != row["rule"]:
        await _change_rule(tx, there, audience, rule)


async def release(tx: Tx, there: Roster, tag: str) -> None:
    """No rule keeps the tag any more: it is on nobody. Conflict while the rule of an audience reads it."""
    if rules.kept(tag) in there.rules:
        await _end(tx, there, rules.kept(tag))


async def rebuild(tx: Tx, shop: str, audiences: Sequence[str]) -> None:
    """Finds the members of these anew; who holds the roster alone may ask for it."""
    await tx.execute(
        """
        UPDATE audience SET state = 'building', reached = ''
        WHERE shop_id = $1 AND audience_id = ANY($2::text[]) AND state <> 'ending'
        """,
        shop,
        audiences,
    )
    await roster.changed(tx, shop)


async def follow_zones(tx: Tx, shops: Sequence[str]) -> None:
    """Where a shop's zone has changed, the members of the audiences that go by its days are found by the new one."""
    for shop in shops:
        there = await roster.alter(tx, shop)
        zone = (await tx.shops([shop]))[shop].timezone
        if zone != there.timezone:
            await replacements.move(tx, there, zone.key)


def compiled(rule: Any, others: Mapping[str, Rule]) -> Rule:
    """The rule, parsed and expanded; Invalid names the wrong node."""
    try:
        return rules.expand(rules.parse(rule), others)
    except RuleError as error:
        raise Invalid(field=error.path, detail=error.message) from error


def around(audience: str, others: Mapping[str, Rule]) -> list[str]:
    """The audiences that contain this one, or read the tag whose it is, directly or through others, sorted."""
    return sorted(other for other, rule in others.items() if audience in _inside(rules.reads(rule)))


def _inside(read: Reads) -> frozenset[str]:
    return read.audiences | {rules.kept(tag) for tag in read.tags}


async def _add(tx: Tx, shop: str, audience: str, name: str, rule: Mapping[str, Any]) -> None:
    await tx.execute(
        """
        INSERT INTO audience (shop_id, audience_id, name, rule, state, reached, created_us)
        VALUES ($1, $2, $3, $4, 'building', '', $5)
        """,
        shop,
        audience,
        name,
        rule,
        tx.us,
    )


async def _come_along(tx: Tx, there: Roster, audience: str, rule: Mapping[str, Any]) -> None:
    """Where a rule is coming for an audience inside this one, its members by that are found beside it, too."""
    inside = _inside(rules.reads(compiled(rule, replacements.expected(there))))
    if coming(audience) not in there.rules and any(coming(one) in there.rules for one in inside):
        await _add(tx, there.shop, coming(audience), "", rule)


async def _change_rule(tx: Tx, there: Roster, audience: str, rule: Mapping[str, Any]) -> None:
    expected = replacements.expected(there)
    _check_circle(audience, compiled(rule, expected), expected)
    those_around = around(audience, expected)
    if audience in there.rules and not there.building & {audience, *those_around}:
        await replacements.begin(tx, there.shop, [audience, *those_around], {audience: rule})
        return
    # Nobody goes by a rule whose members are still being found: the new one takes its place at once.
    await tx.execute(
        "UPDATE audience SET rule = $3 WHERE shop_id = $1 AND audience_id = ANY($2::text[])",
        there.shop,
        [audience, coming(audience)],
        rule,
    )
    await _come_along(tx, there, audience, rule)
    anew = [audience, *those_around]
    await rebuild(tx, there.shop, [*anew, *(coming(one) for one in anew if coming(one) in there.rules)])


async def _end(tx: Tx, there: Roster, audience: str) -> None:
    if users := {one.removeprefix(COMING) for one in around(audience, there.rules)} - {audience}:
        raise Conflict("in-use", f"{audience!r} is part of {', '.join(sorted(users))}; change these first")
    await tx.execute(
        "UPDATE audience SET state = 'ending' WHERE shop_id = $1 AND audience_id = ANY($2::text[])",
        there.shop,
        [audience, coming(audience)],
    )
    await roster.changed(tx, there.shop)


def _check_circle(audience: str, rule: Rule, others: Mapping[str, Rule]) -> None:
    """What contains this audience must be possible with its new rule, too: no circles, not too large."""
    changed = {**others, audience: rule}
    try:
        for one in (audience, *around(audience, others)):
            rules.expand(changed[one], changed)
    except RuleError as error:
        raise Invalid(field="rule", detail=error.message) from error


async def _own(tx: Tx, shop: str, audience: str) -> Audience:
    found = await get(tx, shop, audience)
    if found.recommended:
        raise Conflict("recommended", f"audience {audience!r} is the same in every shop; make one of your own")
    return found

"""Templates: official ones that every shop has, and custom ones that are reviewed before they may be used."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from huitou_chassis import Conflict, Invalid, NotFound, Tx
from notify_svc import texts
from notify_svc.texts import BadText

State: TypeAlias = Literal["draft", "submitted", "approved", "rejected"]


@dataclass(frozen=True)
class Template:
    """`text` by language; "" is the language of any shop."""

    id: str
    name: str
    text: Mapping[str, str]
    state: State
    reason: str | None = None
    official: bool = False
    created_us: int = 0

    def in_language(self, language: str) -> str:
        """The text for a shop's language; English where there is none of its own."""
        return self.text.get("") or self.text.get(language.partition("-")[0]) or self.text["en"]


def official(id: str, name: str, zh: str, en: str) -> Template:
    return Template(id, name, {"zh": zh, "en": en}, "approved", official=True)


OFFICIAL: Mapping[str, Template] = {
    template.id: template
    for template in (
        official(
            "official-cart-reminder",
            "购物车提醒 / Cart reminder",
            "{{ name | default: '亲' }}，您购物车里的好物还在等您，库存有限，欢迎回来看看。",
            "Hello {{ name | default: 'there' }}, what you put in your cart is still waiting for you. Come and see.",
        ),
        official(
            "official-coupon-care",
            "优惠券关怀 / Coupon care",
            "{{ name | default: '亲' }}，感谢您的支持"
            "{% if coupon_code %}，送您优惠券{{ coupon_code }}{% endif %}，进店即可使用。",
            "Hello {{ name | default: 'there' }}, thank you for shopping with us. "
            "{% if coupon_code %}Here is a coupon for you: {{ coupon_code }}{% endif %}",
        ),
        official(
            "official-win-back",
            "老客召回 / Win-back",
            "{{ name | default: '亲' }}，好久不见！"
            "{% if coupon_code %}专属优惠券{{ coupon_code }}已到账，{% endif %}等您回来逛逛。",
            "Hello {{ name | default: 'there' }}, we miss you! "
            "{% if coupon_code %}Your coupon {{ coupon_code }} is ready. {% endif %}Come back and see what is new.",
        ),
    )
}


async def get(tx: Tx, shop: str, template_id: str) -> Template:
    """NotFound if the shop has no such template."""
    found = (await load(tx, [(shop, template_id)])).get((shop, template_id))
    if found is None:
        raise NotFound(f"no template {template_id!r}; GET /templates lists them")
    return found


async def load(tx: Tx, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Template]:
    """Templates by shop and id, official or the shop's own; those that do not exist are left out."""
    keys = sorted(set(asked))
    rows = await tx.fetch(
        """
        SELECT * FROM template WHERE (shop_id, template_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        [shop for shop, _ in keys],
        [template for _, template in keys],
    )
    found = {(row["shop_id"], row["template_id"]): stored(row) for row in rows}
    return found | {key: OFFICIAL[key[1]] for key in keys if key[1] in OFFICIAL}


async def listed(tx: Tx, shop: str, *, after: str, limit: int) -> Sequence[Template]:
    """The shop's templates and the official ones by id, from the one after `after` on."""
    rows = await tx.fetch(
        "SELECT * FROM template WHERE shop_id = $1 AND template_id > $2 ORDER BY template_id LIMIT $3",
        shop,
        after,
        limit,
    )
    own = [stored(row) for row in rows]
    return sorted([*own, *(t for t in OFFICIAL.values() if t.id > after)], key=lambda t: t.id.encode())[:limit]


async def create(tx: Tx, shop: str, *, name: str, text: str) -> Template:
    """A draft; Invalid if the text is not a template."""
    try:
        texts.variables(text)
    except BadText as error:
        raise Invalid(field="text", detail=str(error)) from error
    if any(mark in text for mark in "【】"):
        raise Invalid(field="text", detail="the signature in 【】 is added when a message is sent; leave it out")
    template = Template(f"tpl_{secrets.token_hex(8)}", name, {"": text}, "draft", created_us=tx.us)
    await tx.execute(
        """
        INSERT INTO template (shop_id, template_id, name, text, state, created_us)
        VALUES ($1, $2, $3, $4, 'draft', $5)
        """,
        shop,
        template.id,
        name,
        text,
        tx.us,
    )
    return template


async def move(
    tx: Tx, shop: str, template_id: str, *, to: State, allowed: Sequence[State], reason: str | None = None
) -> Template:
    """Brings a custom template to another state; Conflict if it is not in one of the `allowed` ones."""
    await tx.fetch("SELECT FROM template WHERE shop_id = $1 AND template_id = $2 FOR UPDATE", shop, template_id)
    template = await get(tx, shop, template_id)
    if template.official:
        raise Conflict("official", f"template {template_id!r} is an official one: ready to use, not to be changed")
    if template.state not in allowed:
        raise Conflict("wrong-state", f"template {template_id!r} is {template.state}; expected {' or '.join(allowed)}")
    await tx.execute(
        "UPDATE template SET state = $3, reason = $4 WHERE shop_id = $1 AND template_id = $2",
        shop,
        template_id,
        to,
        reason,
    )
    return await get(tx, shop, template_id)


def stored(row: Any) -> Template:
    return Template(
        row["template_id"],
        row["name"],
        {"": row["text"]},
        row["state"],
        row["reason"],
        created_us=row["created_us"],
    )

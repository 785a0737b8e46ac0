"""What is known of one customer now."""

from collections.abc import Mapping
from dataclasses import dataclass

from huitou_chassis import NotFound, Tx
from segment_svc import explain, histories, roster, rules, tags
from segment_svc.conditions import FLAGS, MOMENTS, NUMBERS, TEXTS
from segment_svc.nodes import SCORES, Attribute, Known
from segment_svc.tags import Put

ATTRIBUTES = (*TEXTS, *NUMBERS, *MOMENTS, *FLAGS)


@dataclass(frozen=True)
class Profile:
    """Attributes and scores by name, None where unknown; audiences with the moment (microseconds) they were entered."""

    attributes: dict[str, object]
    scores: Mapping[str, int | None]
    tags: list[Put]
    audiences: list[tuple[str, int]]


async def get(tx: Tx, shop: str, customer: str) -> Profile:
    """NotFound for a customer of whom nothing was ever heard."""
    there = (await roster.read(tx, [shop]))[shop]
    found = await histories.view(tx, [(shop, customer)])
    if not found or found[0].born is None:
        raise NotFound(f"no customer {customer!r} in this shop")
    known = found[0]
    at = max(tx.us, known.evaluated or tx.us)
    attributes = {
        name: explain.why(Attribute(name, Known(True)), known.person, there.timezone, at).get("measured")
        for name in ATTRIBUTES
    }
    members = sorted(
        (audience, since)
        for audience, since in known.members.items()
        if audience in there.rules and not rules.is_hidden(audience)
    )
    scores = explain.scores(known.person, there.timezone, at, SCORES)
    return Profile(attributes, scores, await tags.of_customer(tx, shop, customer), members)

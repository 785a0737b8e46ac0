"""What is known of one customer now."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from huitou_chassis import NotFound, Tx
from segment_svc import histories, portraits, roster, rules, tags
from segment_svc.nodes import SCORES
from segment_svc.people import People
from segment_svc.tags import Put
from segment_svc.view import View


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
    view = View(People.of([known.person], there.timezone), np.array([at], np.int64))
    attributes = {name: column[0] for name, column in portraits.portrait(view).items()}
    members = sorted(
        (audience, since)
        for audience, since in known.members.items()
        if audience in there.rules and not rules.is_hidden(audience)
    )
    scores = {name: portraits.numbers(view, name)[0] for name in SCORES}
    return Profile(attributes, scores, await tags.of_customer(tx, shop, customer), members)

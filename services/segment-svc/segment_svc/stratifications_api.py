"""The call that parts a shop's customers into layers."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from huitou_chassis import Invalid, Model, Router, ShopId, Transaction
from huitou_events import moment
from segment_svc import layers, roster, rules, sentences, stratifications
from segment_svc.api import SentenceOut, sentence_out
from segment_svc.layers import By
from segment_svc.overviews import share
from segment_svc.sentences import Sentence
from segment_svc.stratifications import Cut, Layer

router = Router(tags=["audiences"])

Bounds = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Where the second and each further layer begins: whole numbers (1000,5000), money in the minor"
        " unit; of moments durations (7d,30d).",
    ),
]
Quantiles = Annotated[
    int | None, Query(ge=2, le=layers.MOST, description="Instead of bounds: so many layers of equal size.")
]


class StratumOut(Model):
    """Customers with their completed trades and the amount of these less refunds, in the minor unit. `share` is that
    of all customers of the shop; `rule` makes an audience of them."""

    customers: int
    share: float | None
    amount: int
    share_of_amount: float | None
    trades: int
    average_order_value: int | None
    rule: dict[str, Any]
    sentence: SentenceOut


class LayerOut(StratumOut):
    """From `lower` on and below `upper`; null where it is open."""

    lower: int | str | None
    upper: int | str | None


class StratificationOut(Model):
    """Everybody is in one of the layers or without a completed trade, so that shares add up to 1."""

    by: By
    at: datetime
    customers: int
    amount: int
    trades: int
    layers: list[LayerOut]
    without_trade: StratumOut


@router.get("/stratification")
async def stratification(
    shop: ShopId, tx: Transaction, by: By, bounds: Bounds = None, quantiles: Quantiles = None
) -> StratificationOut:
    """Layers of customers by amount, trades, average order value, pieces or items, or by how long ago the last or the
    first trade was."""
    await roster.read(tx, [shop])
    found = await stratifications.stratify(tx, shop, by, _cut(by, bounds, quantiles, tx.us))
    parts = [*found.layers, found.without]
    asked = [layers.rule(by, one.lower, one.upper) for one in found.layers] + [layers.NOT_TRADED]
    spoken = await sentences.of(tx, shop, [rules.parse(rule) for rule in asked])
    *shown, without = [
        _stratum(one, found.whole, rule, words) for one, rule, words in zip(parts, asked, spoken, strict=True)
    ]
    return StratificationOut(
        by=by,
        at=moment(tx.us),
        customers=found.whole.customers,
        amount=found.whole.amount,
        trades=found.whole.trades,
        layers=[
            LayerOut(**one, lower=layers.written(by, layer.lower), upper=layers.written(by, layer.upper))
            for one, layer in zip(shown, found.layers, strict=True)
        ],
        without_trade=StratumOut(**without),
    )


def _cut(by: By, bounds: str | None, quantiles: int | None, now: int) -> Cut:
    if bounds is not None and quantiles is not None:
        raise Invalid(field="quantiles", detail="either bounds or quantiles, not both")
    if quantiles is not None:
        return quantiles
    if bounds is None:
        raise Invalid(field="bounds", detail="bounds or quantiles are expected, for example bounds=1000,5000")
    return layers.bounds(by, bounds, now)


def _stratum(one: Layer, whole: Layer, rule: dict[str, Any], words: Sentence) -> dict[str, Any]:
    return {
        "customers": one.customers,
        "share": share(one.customers, whole.customers),
        "amount": one.amount,
        "share_of_amount": share(one.amount, whole.amount),
        "trades": one.trades,
        "average_order_value": one.average_order_value,
        "rule": rule,
        "sentence": sentence_out(words),
    }

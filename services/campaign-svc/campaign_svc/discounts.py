"""What a coupon takes off: money in the minor unit, never more than the amount it is taken off."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from huitou_events import Id, Line, Money


class _Kind(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Off(_Kind):
    """`off` less, once the amount is at least `over`."""

    off: Annotated[Money, Field(gt=0)]
    over: Money | None = None

    @model_validator(mode="after")
    def _never_more_than_asked_for(self) -> Self:
        if self.over is not None and self.over < self.off:
            raise ValueError(f"over: must be at least off ({self.off})")
        return self


PerCent = Annotated[
    Decimal,
    Field(ge=0, lt=100, decimal_places=1),
    PlainSerializer(lambda pay: int(pay) if pay == int(pay) else float(pay), return_type=int | float),
]


class Percent(_Kind):
    """`pay` per cent are paid (95 = 9.5折, at most one decimal); at most `cap` is taken off."""

    pay: PerCent
    cap: Annotated[Money, Field(gt=0)] | None = None


class FixedPrice(_Kind):
    """One piece of the item costs `price`."""

    price: Money
    item: Id


def _meant(value: object, otherwise: ValidatorFunctionWrapHandler) -> object:
    """Reads the kind whose own field is there, so that what is wrong is told about the one that was meant."""
    if isinstance(value, _Kind):
        return otherwise(value)
    for name, kind in (("off", Off), ("pay", Percent), ("price", FixedPrice)):
        if isinstance(value, dict) and name in value:
            return kind.model_validate(value)
    raise PydanticCustomError("kind", "Should be {off, over?}, {pay, cap?} or {price, item}")


Kind: TypeAlias = Annotated[Off | Percent | FixedPrice, WrapValidator(_meant)]
KIND: TypeAdapter[Kind] = TypeAdapter(Kind)


@dataclass(frozen=True)
class NotApplicable:
    """Why the coupon takes nothing off this order."""

    detail: str


def discount(kind: Kind, amount: int, lines: Sequence[Line] = ()) -> int | NotApplicable:
    """What is taken off `amount`, from 0 to `amount`.

    Without lines, a fixed price is held against the whole amount, as the item's.
    """
    match kind:
        case Off(off=off, over=over):
            if over is not None and amount < over:
                return NotApplicable(f"the coupon needs an amount of at least {over}, this is {amount}")
            taken = off
        case Percent(pay=pay, cap=cap):
            taken = amount * int(1000 - pay * 10) // 1000
            taken = taken if cap is None else min(taken, cap)
        case FixedPrice(price=price, item=item):
            piece = _piece(item, lines) if lines else amount
            if piece is None:
                return NotApplicable(f"the order has no item {item!r}, the only one the coupon is for")
            taken = piece - price
    return max(0, min(taken, amount))


def _piece(item: str, lines: Sequence[Line]) -> int | None:
    prices = [line.amount // max(1, line.quantity) for line in lines if line.item_id == item]
    return max(prices, default=None)

"""What a shop system says about trades."""

from typing import Literal

from huitou_events.fact import CustomerFact, Part
from huitou_events.values import CardNo, Count, Currency, Id, LongText, Money


class Line(Part):
    """One line of a trade; amount is the line's, not the piece's."""

    item_id: Id
    category_id: Id | None = None
    quantity: Count = 1
    amount: Money = 0


class Recipient(Part):
    """A recipient whose phone the platform keeps sealed."""

    oaid: LongText


class Trade(CustomerFact):
    """What every moment in the life of a trade tells."""

    topic = "shop.trades"

    trade_id: Id
    amount: Money = 0
    currency: Currency
    items: tuple[Line, ...] = ()
    coupon_code: Id | None = None
    channel: Literal["online", "offline"] | None = None
    card_no: CardNo | None = None
    recipient: Recipient | None = None


class TradeCreated(Trade):
    """An order was placed."""

    type = "trade.created"


class TradePaid(Trade):
    """An order was paid."""

    type = "trade.paid"


class TradeCompleted(Trade):
    """The buyer confirmed receipt; a trade is paid with it, too."""

    type = "trade.completed"


class TradeClosed(Trade):
    """An order was closed; before completion this ends the payment from its time on."""

    type = "trade.closed"


class TradeRefunded(CustomerFact):
    """Money of a trade went back, in whole or in part; (trade_id, refund_id) names the refund.

    Without items it is spread over the lines of the trade.
    """

    type = "trade.refunded"
    topic = "shop.trades"

    trade_id: Id
    refund_id: Id
    amount: Money = 0
    currency: Currency | None = None
    items: tuple[Line, ...] = ()

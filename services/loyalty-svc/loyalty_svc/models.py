"""What is kept of each customer: the row that a walk through the facts leaves behind."""

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import BigInteger, Column, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from loyalty_svc.standing import NOBODY, Standing

Who: TypeAlias = tuple[str, str]
"""A customer of a shop: the ids of both."""

CUSTOMER = Table(
    "customer",
    MetaData(),
    Column("shop_id", Text, primary_key=True),
    Column("customer_id", Text, primary_key=True),
    Column("joined_us", BigInteger),
    Column("tier", Text),
    Column("amount", Numeric),
    Column("trades", BigInteger),
    Column("history", JSONB),
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer's row; moments in microseconds since 1970.

    erased_us   facts up to it are ignored for ever
    walked_us   facts up to it have been judged
    due_us      the next moment at which something counts that is known already; 0: everything is to be judged anew
    said_us     the time of the last event that told of this customer's membership
    history     the steps so far as JSON; `standing.steps` is not filled
    """

    who: Who
    erased_us: int | None = None
    walked_us: int | None = None
    due_us: int | None = None
    said_us: int | None = None
    standing: Standing = NOBODY
    history: str = "[]"

"""What a shop system says about the things it sells."""

from huitou_events.fact import Fact
from huitou_events.moments import Moment
from huitou_events.values import Id, Money, Text


class ItemUpdated(Fact):
    """An item came into the catalogue or changed."""

    type = "item.updated"
    topic = "shop.catalogue"

    item_id: Id
    category_id: Id | None = None
    title: Text | None = None
    price: Money | None = None
    listed_at: Moment | None = None

    @property
    def subject(self) -> str:
        return self.item_id

    def partitionkey(self, shop: str) -> str:
        return f"{shop}:{self.item_id}"

"""What customers did in the shop's front."""

from huitou_events.fact import CustomerFact
from huitou_events.values import Count, Currency, Id, LongText, Money


class Behaviour(CustomerFact):
    """What every step of a customer may tell; amount is that of all pieces together."""

    topic = "shop.behaviours"

    item_id: Id | None = None
    category_id: Id | None = None
    quantity: Count = 1
    amount: Money = 0
    currency: Currency | None = None
    visit_id: Id | None = None
    page: LongText | None = None
    dwell_seconds: Count | None = None


class CartAdded(Behaviour):
    """An item was put into the cart."""

    type = "cart.added"


class CartRemoved(Behaviour):
    """An item was taken out of the cart."""

    type = "cart.removed"


class FavouriteAdded(Behaviour):
    """An item became a favourite."""

    type = "favourite.added"


class FavouriteRemoved(Behaviour):
    """An item is a favourite no more."""

    type = "favourite.removed"


class PageViewed(Behaviour):
    """A page was looked at."""

    type = "page.viewed"


class ShopFollowed(Behaviour):
    """The customer became a fan of the shop."""

    type = "shop.followed"


class ShopUnfollowed(Behaviour):
    """The customer is a fan no more."""

    type = "shop.unfollowed"


class CustomerSignedIn(Behaviour):
    """The customer signed in for the day."""

    type = "customer.signed_in"


class PosterShown(Behaviour):
    """A poster was put before the customer."""

    type = "poster.shown"


class PosterClicked(Behaviour):
    """A poster was clicked."""

    type = "poster.clicked"

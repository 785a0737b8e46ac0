"""What every service says when a shop's settings change."""

from huitou_events.fact import Fact
from huitou_events.values import Currency, Language, Zone


class ShopUpdated(Fact):
    """A shop's settings, whole; it is about the shop itself."""

    type = "shop.updated"
    topic = "shop.settings"

    timezone: Zone
    currency: Currency
    language: Language

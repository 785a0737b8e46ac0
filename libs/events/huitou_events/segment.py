"""What segment-svc says about audiences."""

from huitou_events.fact import CustomerFact
from huitou_events.moments import Moment
from huitou_events.values import Flag, Id


class AudienceMoved(CustomerFact):
    """A membership's value changed at a moment; `initial` tells that building the audience found it."""

    topic = "segment.audiences"

    audience_id: Id
    at: Moment
    initial: Flag = False


class AudienceEntered(AudienceMoved):
    """A customer is in an audience from now on."""

    type = "audience.entered"


class AudienceLeft(AudienceMoved):
    """A customer is in an audience no more."""

    type = "audience.left"

"""Bodies and answers of calls: unknown fields are refused, times are RFC 3339, texts carry no control characters."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from huitou_events import Moment

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Model(BaseModel):
    """The base of every request and response class."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, populate_by_name=True)


def _without_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_control)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_without_control)]
Time = Moment
JsonObject = dict[str, Any]

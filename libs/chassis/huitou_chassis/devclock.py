"""The development clock: PUT /dev/clock sets the time of every process forward, GET reads it."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import model_validator

from huitou_chassis.errors import Conflict, Invalid
from huitou_chassis.model import Model, Time
from huitou_chassis.routing import Ctx, authenticate
from huitou_events import duration, micros, moment

router = APIRouter(tags=["development"])


class ClockIn(Model):
    """Exactly one of the two: a moment, or a duration such as "3d"."""

    now: Time | None = None
    advance: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "ClockIn":
        if (self.now is None) == (self.advance is None):
            raise ValueError('give either "now" or "advance"')
        return self


class ClockOut(Model):
    now: datetime


@router.get("/dev/clock")
async def read(request: Request, ctx: Ctx) -> ClockOut:
    await authenticate(request)
    return ClockOut(now=ctx.clock.now())


@router.put("/dev/clock")
async def set_forward(request: Request, body: ClockIn, ctx: Ctx) -> ClockOut:
    """Every process maps the same file, so all have the new time when this answers."""
    await authenticate(request)
    if body.now is not None:
        target = micros(body.now)
    else:
        try:
            target = ctx.clock.us() + duration(body.advance or "")
        except ValueError as error:
            raise Invalid(field="advance", detail=str(error)) from error
    try:
        moment(target)
    except (OverflowError, ValueError) as error:
        raise Invalid(field="advance", detail="beyond the calendar's end") from error
    try:
        ctx.clock.set_forward(target)
    except ValueError as error:
        raise Conflict("clock-goes-forward-only", f"now: {error}") from error
    return ClockOut(now=ctx.clock.now())

"""How events, jobs and calls are carried, the same in every service."""

from huitou_chassis.clock import Clock
from huitou_chassis.db import Database, Tx
from huitou_chassis.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Reject, Unavailable
from huitou_chassis.model import LongText, Model, Text, Time
from huitou_chassis.outbox import Message
from huitou_chassis.paging import Page, Paged
from huitou_chassis.record import Record
from huitou_chassis.routing import (
    UNCHANGING,
    Administrator,
    Caller,
    Ctx,
    Held,
    Router,
    ShopId,
    Transaction,
    once,
    takes_file,
)
from huitou_chassis.service import Context, Job, Service
from huitou_chassis.settings import Settings
from huitou_chassis.shops import Shop

__all__ = [
    "UNCHANGING",
    "Administrator",
    "Caller",
    "Clock",
    "Conflict",
    "Context",
    "Ctx",
    "Database",
    "Forbidden",
    "Held",
    "Invalid",
    "Job",
    "LongText",
    "Message",
    "Model",
    "NotFound",
    "Page",
    "Paged",
    "Problem",
    "Record",
    "Reject",
    "Router",
    "Service",
    "Settings",
    "Shop",
    "ShopId",
    "Text",
    "Time",
    "Transaction",
    "Tx",
    "Unavailable",
    "once",
    "takes_file",
]

"""python -m tests.chassis.tally: the worker of the small service, as a process that can be killed."""

import asyncio

from huitou_chassis import process
from tests.chassis.tally.service import service

asyncio.run(process.worker(service))

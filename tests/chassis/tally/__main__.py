"""python -m tests.chassis.tally [api]: a process of the small service that can be killed; the worker unless told."""

import asyncio
import sys

from huitou_chassis import process
from tests.chassis.tally.service import service

asyncio.run(process.api(service) if "api" in sys.argv else process.worker(service))

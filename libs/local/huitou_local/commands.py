"""`huitou up` and `huitou demo`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import typer
import uvloop

from huitou_local.home import Busy, Home
from huitou_local.steps import Steps
from huitou_local.supervisor import Supervisor

app = typer.Typer()

Work = Callable[[dict[str, str]], Awaitable[None]]


@app.command()
def up() -> None:
    """Start Kafka, PostgreSQL and the four services on this machine, and serve until Ctrl-C."""
    steps = Steps()
    run(steps, lambda endpoints: serve(steps, endpoints))


async def serve(steps: Steps, endpoints: dict[str, str]) -> None:
    """Say where everything is, and stay."""
    for name, address in endpoints.items():
        if name not in ("api_key", "postgres"):
            steps.say(f"  {name:9} {address}")
    steps.say(f"  The key and the database's address are in {Home.found().endpoints}. Ctrl-C stops everything.")
    await asyncio.Event().wait()


def run(steps: Steps, work: Work) -> None:
    """Do the work on a running installation; ends with status 0 after Ctrl-C too, 1 if it does not start."""
    supervisor = Supervisor(Home.found(), steps)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(supervised(supervisor, steps, work))
    except (Busy, RuntimeError) as error:
        sys.exit(f"huitou: {error}")


async def supervised(supervisor: Supervisor, steps: Steps, work: Work) -> None:
    """The first signal stops, the second hurries."""

    async def all_of_it() -> None:
        async with supervisor.running() as endpoints:
            await work(endpoints)
            steps.say("Stopping …")

    task = asyncio.create_task(all_of_it())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            supervisor.hurry()
        else:
            stopped = True
            steps.say("Stopping … (again to hurry)")
            task.cancel()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    try:
        await task
    except asyncio.CancelledError:
        steps.say("Stopped.")

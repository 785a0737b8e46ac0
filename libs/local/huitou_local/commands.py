"""`huitou up` and `huitou demo`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
import uvloop

from huitou_local import processes
from huitou_local.demo import demo as show
from huitou_local.home import Busy, Home
from huitou_local.steps import Steps
from huitou_local.supervisor import Supervisor

app = typer.Typer()

Work = Callable[[dict[str, str]], Awaitable[None]]


@app.command()
def up() -> None:
    """Start Kafka, PostgreSQL and the four services on this machine, and serve until Ctrl-C."""
    steps = Steps()

    async def work(endpoints: dict[str, str]) -> None:
        tell(steps, endpoints)
        await asyncio.Event().wait()

    run(steps, work)


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="End after the summary instead of serving on.")] = False,
) -> None:
    """Publish two years of a real shop, show what came of it, and serve until Ctrl-C."""
    steps = Steps()

    async def work(endpoints: dict[str, str]) -> None:
        await show(Home.found(), endpoints, steps)
        tell(steps, endpoints)
        if not once:
            await asyncio.Event().wait()

    run(steps, work)


def tell(steps: Steps, endpoints: dict[str, str]) -> None:
    """Where everything is."""
    steps.say("Where to look:")
    for name in processes.SERVICES:
        steps.say(f"  {name:9} {endpoints[name]}/docs")
    steps.say(f"  operator  {endpoints['operator']}  (the messages as they arrive)")
    steps.say(
        f"  Kafka is at {endpoints['kafka']}; PostgreSQL's address and the API key are in {Home.found().endpoints}"
    )


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

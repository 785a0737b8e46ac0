"""The command `huitou`: a group for each installed service, keys, dead, topics, publish, verify, and what plugs in."""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
import uvloop
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from huitou_chassis import (
    asyncapi,
    audit,
    graph,
    keys_commands,
    letters_commands,
    migrations,
    process,
    publishing,
    topics,
)
from huitou_chassis.security import settings_error, why
from huitou_chassis.service import Service, running
from huitou_chassis.settings import PREFIX, Settings

app = typer.Typer(
    help="Huitou: customer operations for online shops.",
    no_args_is_help=True,
    add_completion=False,
    # Local variables hold addresses with their passwords.
    pretty_exceptions_show_locals=False,
)

ASKING = ("keys", "topics", "publish", "verify", "dead")
"""Commands for people, who mean the servers of the installation that they have started."""


def main() -> None:
    """Adds what is installed and runs the command line."""
    if sys.argv[1:2] and sys.argv[1] in ASKING:
        _look_around()
    # A process of one service loads that one only.
    for service in _services(sys.argv[1] if len(sys.argv) > 1 else ""):
        app.add_typer(_commands(service), name=service.name)
    app.add_typer(keys_commands.app, name="keys")
    app.add_typer(letters_commands.app, name="dead")
    for plugin in entry_points(group="huitou.commands"):
        app.registered_commands += plugin.load().registered_commands
    try:
        app()
    except ValidationError as error:
        sys.exit(f"huitou: {settings_error(error, PREFIX)}")
    except KafkaError as error:
        sys.exit(f"huitou: {_run(why(Settings(), error))}\nLook at HUITOU_KAFKA and HUITOU_KAFKA_SECURITY.")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.exit(f"huitou: {type(error).__name__}: {error}\nLook at HUITOU_KAFKA and HUITOU_POSTGRES.")


def _look_around() -> None:
    """Takes servers and clock of the installation that runs in this folder, where the environment names none."""
    home = Path(os.environ.get("HUITOU_HOME") or ".huitou")
    found = home / "endpoints.json"
    if found.is_file():
        endpoints = json.loads(found.read_text())
        named = {name: endpoints[name] for name in ("kafka", "postgres", "api_key")}
        urls = {f"{name}_url": endpoints[name] for name in Settings().service_names}
        # Its clock may be ahead: what is right by it is wrong by that of the machine.
        clock = {"dev_clock": str(home / "clock")} if (home / "clock").is_file() else {}
        for name, value in (named | urls | clock).items():
            os.environ.setdefault(f"HUITOU_{name.upper()}", value)


def _services(named: str = "") -> list[Service]:
    """The installed services, or the named one if there is such a service."""
    plugins = entry_points(group="huitou.services")
    return sorted((plugin.load() for plugin in plugins.select(name=named) or plugins), key=lambda s: s.name)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _commands(service: Service) -> typer.Typer:
    group = typer.Typer(help=service.title, no_args_is_help=True)

    @group.command(help=f"Serve the API of {service.name} until SIGTERM.")
    def api() -> None:
        _run(process.api(service))

    @group.command(help=f"Read events, relay and run the jobs of {service.name} until SIGTERM.")
    def worker() -> None:
        _run(process.worker(service))

    @group.command(help=f"Bring the database of {service.name} to the newest version.")
    def migrate() -> None:
        settings = service.settings()
        _run(migrations.migrate(service, settings))
        typer.echo(f"{settings.database(service.name)} is at the newest version")

    return group


@app.command("topics")
def make_topics(
    partitions: Annotated[int, typer.Option(help="Partitions of each topic.")] = topics.PARTITIONS,
    replication: Annotated[int, typer.Option(help="Copies of each partition.")] = 1,
) -> None:
    """Make every topic of the contract, and its dead letters, where they are missing."""
    settings = Settings()
    made = _run(topics.create(settings, partitions=partitions, replication=replication))
    typer.echo(f"made {len(made)}: {', '.join(made)}" if made else "all topics are there")


@app.command()
def publish(
    file: Annotated[Path | None, typer.Argument(help="One CloudEvent a line; standard input if left out.")] = None,
) -> None:
    """Publish events, one JSON CloudEvent a line, each to its topic under its key."""
    if file is not None and not file.is_file():
        sys.exit(f"huitou publish: no file {file}")
    with file.open("rb") if file else sys.stdin.buffer as lines:
        report = _run(publishing.publish(Settings(), lines))
    for line, reason in report.refused[:20]:
        typer.echo(f"line {line}: {reason}", err=True)
    typer.echo(f"published {report.published}, refused {len(report.refused)}")
    if report.refused:
        raise typer.Exit(1)


@app.command()
def verify(
    shop: Annotated[str, typer.Argument(help="The shop's id.")],
    customer: Annotated[str | None, typer.Option(help="One customer only.")] = None,
) -> None:
    """Recompute a shop from the facts in every service, and its audit log; report what differs from what is stored."""
    found = 0
    for service in _services():
        differences = _run(_verify(service, shop, customer))
        found += len(differences)
        typer.echo(f"{service.name}: {len(differences)} differences")
        for difference in differences[:100]:
            typer.echo(f"  {difference}")
    if found:
        raise typer.Exit(1)


@app.command("graph")
def draw() -> None:
    """Print who says and who takes what, as a Mermaid diagram (docs/flow.md)."""
    typer.echo(graph.mermaid(_services()), nl=False)


@app.command("asyncapi")
def describe() -> None:
    """Print the AsyncAPI document of every topic, type and service (docs/asyncapi.json)."""
    typer.echo(asyncapi.text(_services()), nl=False)


async def _verify(service: Service, shop: str, customer: str | None) -> list[str]:
    async with running(service, service.settings()) as ctx:
        found = await service.verify(ctx, shop, customer) if service.verify else []
        async with ctx.db.transaction() as tx:
            return found + await audit.verify(tx, shop)


if __name__ == "__main__":
    main()

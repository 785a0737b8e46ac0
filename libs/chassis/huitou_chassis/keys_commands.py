"""huitou keys create|register|list|revoke"""

import asyncio
import sys
from typing import Annotated

import typer

from huitou_chassis import keys
from huitou_chassis.settings import Settings

app = typer.Typer(help="API keys: who may call, in which shops.", no_args_is_help=True)


def _server() -> str:
    return Settings().postgres.get_secret_value()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    shop: Annotated[list[str], typer.Option(help="A shop it may enter; give it once per shop; * for every shop.")],
    role: Annotated[
        str, typer.Option(help="viewer may read, operator may change, admin may see phones and the audit log, too.")
    ] = "operator",
    rate: Annotated[
        int, typer.Option(min=0, help="Most calls a second at each process of a service; 0 for any number.")
    ] = keys.USUAL_RATE,
) -> None:
    """Make a key. It is shown once; only its hash is kept."""
    made = next((one for one in keys.ROLES if one == role), None)
    if made is None:
        raise typer.BadParameter(", ".join(keys.ROLES), param_hint="--role")
    asyncio.run(keys.prepare(_server()))
    key_id, key = asyncio.run(keys.create(_server(), name=name, role=made, shops=shop, rate=rate or None))
    typer.echo(f"{key_id}\n{key}")


@app.command()
def register() -> None:
    """Make HUITOU_API_KEY, with which the services call each other, a key that may do everything; safe to repeat."""
    key = Settings().api_key.get_secret_value()
    if not key:
        sys.exit("huitou keys register: HUITOU_API_KEY is not set")
    typer.echo(f"{asyncio.run(keys.ensure(_server(), key))} is in use")


@app.command("list")
def show() -> None:
    """List the keys: id, role, shops, calls a second, name, and whether each is in use."""
    for row in asyncio.run(keys.listed(_server())):
        state = f"revoked {row['revoked_at']:%Y-%m-%d}" if row["revoked_at"] else "in use"
        may = f"{row['role']:8}  {','.join(row['shops'])}  {row['rate'] or 'any'}/s"
        typer.echo(f"{row['key_id']}  {may}  {row['name']}  {state}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `huitou keys list` shows.")]) -> None:
    """Revoke a key; it stops within two seconds."""
    if not asyncio.run(keys.revoke(_server(), key_id)):
        typer.echo(f"no key {key_id} in use; `huitou keys list` shows them", err=True)
        raise typer.Exit(1)
    typer.echo(f"{key_id} is revoked")

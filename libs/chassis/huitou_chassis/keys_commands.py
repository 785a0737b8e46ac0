"""huitou keys create|list|revoke"""

import asyncio
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
    role: Annotated[str, typer.Option(help="viewer may read, operator may do everything.")] = "operator",
) -> None:
    """Make a key. It is shown once; only its hash is kept."""
    if role not in ("viewer", "operator"):
        raise typer.BadParameter("viewer or operator", param_hint="--role")
    made: keys.Role = "viewer" if role == "viewer" else "operator"
    asyncio.run(keys.prepare(_server()))
    key_id, key = asyncio.run(keys.create(_server(), name=name, role=made, shops=shop))
    typer.echo(f"{key_id}\n{key}")


@app.command("list")
def show() -> None:
    """List the keys: id, role, shops, name, and whether each is in use."""
    for row in asyncio.run(keys.listed(_server())):
        state = f"revoked {row['revoked_at']:%Y-%m-%d}" if row["revoked_at"] else "in use"
        typer.echo(f"{row['key_id']}  {row['role']:8}  {','.join(row['shops'])}  {row['name']}  {state}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `huitou keys list` shows.")]) -> None:
    """Revoke a key; it stops within two seconds."""
    if not asyncio.run(keys.revoke(_server(), key_id)):
        typer.echo(f"no key {key_id} in use; `huitou keys list` shows them", err=True)
        raise typer.Exit(1)
    typer.echo(f"{key_id} is revoked")

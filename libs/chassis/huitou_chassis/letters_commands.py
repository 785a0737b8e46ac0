"""huitou dead list|show|replay|drop: calls of the services' APIs, with the installation's key."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import httpx2
import typer

from huitou_chassis.keys import EVERY_SHOP
from huitou_chassis.settings import Settings

CALL_SECONDS = 60
PAGE = 200

app = typer.Typer(
    help="Dead letters: records that a service could not take. Looked at, replayed, dropped.", no_args_is_help=True
)

ShopOf = Annotated[str, typer.Argument(metavar="SHOP", help="The shop's id; '*' for records that name no shop.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="As `huitou dead list` shows them.")]
OnTopic = Annotated[str | None, typer.Option(help="Of this topic only, such as shop.trades.")]
ForReason = Annotated[str | None, typer.Option(help="Of this reason only; docs/events.md explains them.")]
OfService = Annotated[str | None, typer.Option(help="Of this service only, such as loyalty.")]


@app.command("list")
def listed(
    shop: ShopOf,
    topic: OnTopic = None,
    reason: ForReason = None,
    service: OfService = None,
    state: Annotated[str, typer.Option(help="waiting, replayed, dropped, or all.")] = "waiting",
    by_reason: Annotated[bool, typer.Option("--by-reason", help="Count them by topic and reason instead.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Most lines for each service.")] = 100,
) -> None:
    """List dead letters, oldest first: id, state, times, first and last time, topic, reason, detail."""
    if by_reason and (topic or reason):
        raise typer.BadParameter("counts are by topic and reason already", param_hint="--by-reason")
    wanted = {"topic": topic, "reason": reason, "state": None if state == "all" else state}
    path = "/dead-letters/reasons" if by_reason else "/dead-letters"
    for name in _services(service):
        given = {key: value for key, value in wanted.items() if value}
        for shown, item in enumerate(_items(name, shop, path, given)):
            if shown == most:
                typer.echo(f"{name}: there are more; --most shows them", err=True)
                break
            typer.echo(_count(name, item) if by_reason else _line(item))


@app.command()
def show(
    shop: ShopOf,
    id: Annotated[str, typer.Argument(metavar="ID", help="As `huitou dead list` shows it.")],
    reveal: Annotated[
        str | None, typer.Option(metavar="WHY", help="Show phone numbers, too; who and why is put in the audit log.")
    ] = None,
) -> None:
    """Show a dead letter with its record; phone numbers, names and the like are masked."""
    if reveal is None:
        found = _call("GET", _service_of(id), shop, f"/dead-letters/{quote(id)}")
    else:
        found = _call("POST", _service_of(id), shop, f"/dead-letters/{quote(id)}/reveal", {"reason": reveal})
    letter = found["letter"]
    typer.echo(_line(letter))
    typer.echo(f"place    {letter['topic']}/{letter['partition']} at {letter['offset']}, came {letter['arrived_at']}")
    if letter["dropped_because"]:
        typer.echo(f"dropped  {letter['dropped_because']}")
    typer.echo(f"key      {found['key']}")
    for header in found["headers"]:
        typer.echo(f"header   {header['name']}: {header['value']}")
    typer.echo(f"value    {found['value']}")


@app.command()
def replay(
    shop: ShopOf,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Or name a reason or a topic.")] = None,
    topic: OnTopic = None,
    reason: ForReason = None,
    service: OfService = None,
    most: Annotated[int, typer.Option(min=1, help="Most letters of each service.")] = 1000,
) -> None:
    """Put records on their topic again, for the service that refused them; safe to repeat.

    First mend the cause. A record that is refused again waits again, with its count risen.
    """
    if bool(ids) == bool(topic or reason):
        raise typer.BadParameter("name ids, or else a reason or a topic", param_hint="ID, --reason, --topic")
    for id in ids or ():
        letter = _call("POST", _service_of(id), shop, f"/dead-letters/{quote(id)}/replay")
        typer.echo(f"{id}  {letter['state']}")
    if not ids:
        for name in _services(service):
            _replay_many(name, shop, {"topic": topic, "reason": reason}, most)


@app.command()
def drop(
    shop: ShopOf,
    ids: Ids,
    because: Annotated[str, typer.Option(help="Why nobody wants them any more; kept with the letters.")],
) -> None:
    """Drop dead letters: they wait no longer, and stay in the list with the reason."""
    for id in ids:
        letter = _call("POST", _service_of(id), shop, f"/dead-letters/{quote(id)}/drop", {"reason": because})
        typer.echo(f"{id}  {letter['state']}")


def _replay_many(service: str, shop: str, wanted: dict[str, str | None], most: int) -> None:
    total = sum(
        item["letters"]
        for item in _items(service, shop, "/dead-letters/reasons", {"state": "waiting"})
        if wanted["topic"] in (None, item["topic"]) and wanted["reason"] in (None, item["reason"])
    )
    left, cursor = min(most, total), None
    counts = dict.fromkeys(("replayed", "gone", "too_large"), 0)
    with typer.progressbar(length=left, label=service, file=sys.stderr) as bar:
        while left:
            body = wanted | {"limit": min(left, PAGE), "cursor": cursor}
            answer = _call("POST", service, shop, "/dead-letters/replay", body)
            for name in counts:
                counts[name] += answer[name]
            bar.update(body["limit"])
            left, cursor = left - body["limit"], answer["next_cursor"]
            if cursor is None:
                break
    typer.echo(f"{service}: replayed {counts['replayed']}, gone {counts['gone']}, too large {counts['too_large']}")


def _items(service: str, shop: str, path: str, wanted: dict[str, str]) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = _call("GET", service, shop, path, params=wanted | {"limit": str(PAGE)} | cursor)
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def _services(named: str | None) -> list[str]:
    known = Settings().service_names
    if named is not None and named not in known:
        raise typer.BadParameter(f"one of {', '.join(known)}", param_hint="--service")
    return [named] if named else known


def _service_of(id: str) -> str:
    """Ids begin with the service's name."""
    service = id.rpartition("-")[0]
    if service not in _services(None):
        raise typer.BadParameter(f"{id!r} is none; `huitou dead list` shows the ids", param_hint="ID")
    return service


def _call(
    method: str, service: str, shop: str, path: str, body: object = None, params: dict[str, str] | None = None
) -> Any:
    """What the service's API answers; ends the command with what is wrong when it refuses or is not there."""
    settings = Settings()
    base = getattr(settings, f"{service}_url") + ("/v1" if shop == EVERY_SHOP else f"/v1/shops/{quote(shop, safe='')}")
    headers = {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"}
    try:
        answer = httpx2.request(method, base + path, json=body, params=params, headers=headers, timeout=CALL_SECONDS)
    except httpx2.TransportError as error:
        sys.exit(f"huitou dead: {service} does not answer at {base} ({type(error).__name__}); is it running?")
    if answer.is_error:
        is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        why = answer.json()["detail"] if is_problem else f"answers with status {answer.status_code}"
        sys.exit(f"huitou dead: {service}: {why}")
    return answer.json()


def _line(letter: dict[str, Any]) -> str:
    when = f"{letter['first_at'][:19]}  {letter['last_at'][:19]}"
    return (
        "  ".join(
            (letter["id"], f"{letter['state']:8}", f"{letter['times']}x", when, letter["topic"], letter["reason"])
        )
        + f"  {letter['detail']}"
    )


def _count(service: str, item: dict[str, Any]) -> str:
    when = f"{item['first_at'][:19]}  {item['last_at'][:19]}"
    return f"{service:9}  {item['letters']:7}  {when}  {item['topic']}  {item['reason']}"

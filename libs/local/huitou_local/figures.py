"""What the platform made of the shop's history, as tables in the terminal; all of it from the public API."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from huitou_local.api import Api

CONNECTIVES = {"all": "all of", "any": "any of"}
FINDINGS = ("value", "until", "measured")


class Figures:
    """Shows them on a console."""

    def __init__(self, api: Api, console: Console) -> None:
        self._api = api
        self._console = console

    async def show_tiers(self) -> None:
        programme = await self._api.get("loyalty", "/programme")
        found = Counter([member["tier"]["key"] async for member in self._api.pages("loyalty", "/members")])
        table = Table("Tier", "from", "or trades", "pays", "members", title="Members", title_justify="left")
        for tier in programme["tiers"]:
            amount = f"£{tier['amount'] // 100:,}" if "amount" in tier else ""
            row = (tier["name"], amount, str(tier.get("trades", "")), f"{tier['discount']} %")
            table.add_row(*row, f"{found[tier['key']]:,}")
        self._console.print(table)

    async def show_audiences(self) -> None:
        table = Table("Audience", "id", "customers now", title="Audiences", title_justify="left")
        async for audience in self._api.pages("segment", "/audiences"):
            table.add_row(audience["name"], audience["id"], f"{audience['size']:,}")
        self._console.print(table)

    async def show_why(self, audience: str) -> None:
        """One member of an audience: since when, until when, and why."""
        page = await self._api.get("segment", f"/audiences/{audience}/members", limit=1)
        if not page["items"]:
            return
        customer = page["items"][0]["customer_id"]
        found = await self._api.get("segment", f"/audiences/{audience}/members/{customer}")
        title = f"Why customer {customer} is in the audience, since {moment(found['since'])}"
        if found["until"]:
            title += f", until {moment(found['until'])} if nothing happens"
        tree = Tree(title)
        grow(tree, found["why"])
        self._console.print(tree)


def grow(tree: Tree, node: dict[str, Any]) -> None:
    """Adds a rule's node, marked with its value."""
    mark = "[green]✓[/]" if node["value"] else "[red]✗[/]"
    until = f" [dim]until {moment(node['until'])}[/]" if node.get("until") else ""
    for name, words in CONNECTIVES.items():
        if name in node:
            branch = tree.add(f"{mark} {words}{until}")
            for child in node[name]:
                grow(branch, child)
            return
    if "not" in node:
        grow(tree.add(f"{mark} not{until}"), node["not"])
        return
    condition = ", ".join(f"{name}: {text(value)}" for name, value in node.items() if name not in FINDINGS)
    measured = f" → {node['measured']}" if "measured" in node else ""
    tree.add(f"{mark} {condition}{measured}{until}")


def text(value: Any) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{name.replace('_', ' ')} {text(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return " or ".join(text(inner) for inner in value)
    return str(value)


def moment(text: str) -> str:
    """A time of the API, to the minute, in UTC."""
    return text[:16].replace("T", " ")

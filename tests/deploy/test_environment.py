"""Every variable is documented, and nothing is told to a process that it does not read."""

import re
from pathlib import Path

from tests.deploy.environment import variables

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(HUITOU_\w+)` \| (.*?) \|", re.MULTILINE)
OF_THE_MACHINE = {"HUITOU_HOME"}
"""Read by `huitou up` and `huitou demo` only."""
OF_COMPOSE = {"HUITOU_BIND", "HUITOU_VERSION"}


def documented() -> dict[str, str]:
    return dict(ROW.findall((ROOT / "docs" / "deploy.md").read_text()))


def test_the_table_has_every_variable_and_its_default() -> None:
    table = documented()
    assert table.keys() == variables().keys() | OF_THE_MACHINE
    for name, default in variables().items():
        plain = str(default) if isinstance(default, str | int | float) else ""
        if plain:
            assert table[name] == f"`{plain}`", name


def test_the_compose_file_names_what_is_read() -> None:
    told = re.findall(r"\b(HUITOU_\w+)", (ROOT / "docker-compose.yml").read_text())
    assert set(told) <= variables().keys() | OF_COMPOSE


def test_the_compose_file_and_its_example_ask_for_the_same() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^(\w+)=", (ROOT / "deploy" / "env.example").read_text(), re.MULTILINE))
    assert asked - given == {"HUITOU_VERSION", "KAFKA_HEAP_OPTS"}
    assert given <= asked


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secret = r"\$\{(\w+_(?:PASSWORD|SECRET|KEY|TOKEN)|HUITOU_SECRET)([^}]*)\}"
    found = re.findall(secret, text)
    assert found
    assert [name for name, rest in found if not rest.startswith(":?")] == []

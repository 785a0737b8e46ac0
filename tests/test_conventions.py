"""Borders and habits that a machine can hold."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points, packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from huitou_chassis import Service
from huitou_chassis.graph import mermaid
from huitou_events import CATALOGUE, TOPICS

ROOT = Path(__file__).parent.parent
SERVICES = {path.name: path for path in sorted(ROOT.glob("services/*/*_svc"))}
LIBRARIES = {path.name: path for path in sorted(ROOT.glob("libs/*/huitou_*")) if path.is_dir()}
PACKAGES = SERVICES | LIBRARIES
DOMAIN_NOUNS = re.compile(r"(?<![a-z])(coupon|audience|tiers?|members?|plans?|template_id|sms)(?![a-z])", re.IGNORECASE)
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def modules(package: Path) -> Iterator[Path]:
    return (path for path in sorted(package.rglob("*.py")) if "versions" not in path.parts)


def imports(path: Path) -> set[str]:
    """The top-level names of everything a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_never_imports_another_nor_the_local_servers(name: str) -> None:
    others = (set(SERVICES) | {"huitou_local", "tests"}) - {name}
    assert {path.name: imports(path) & others for path in modules(SERVICES[name]) if imports(path) & others} == {}


FIRST = """
import importlib, pkgutil, sys

package = importlib.import_module(sys.argv[1])
for module in list(pkgutil.walk_packages(package.__path__, f"{package.__name__}.")):
    for loaded in [name for name in sys.modules if name.split(".")[0] == package.__name__]:
        del sys.modules[loaded]
    if ".migrations" not in module.name:
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("name", SERVICES)
def test_any_module_may_be_imported_first(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


def test_events_need_pydantic_and_nothing_else() -> None:
    allowed = {"pydantic", "pydantic_core", "huitou_events"}
    found = {name for path in modules(LIBRARIES["huitou_events"]) for name in imports(path)}
    assert {name for name in found if name in packages_distributions() and name not in allowed} == set()


def test_the_chassis_names_no_domain_noun() -> None:
    found = {}
    for path in modules(LIBRARIES["huitou_chassis"]):
        code = re.sub(r'"""(?s:.*?)"""|#.*|"[^"\n]*"', "", path.read_text())
        if noun := DOMAIN_NOUNS.search(code):
            found[path.name] = noun.group()
    assert found == {}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_declares_what_it_imports(name: str) -> None:
    project = tomllib.loads((PACKAGES[name].parent / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *chain(*project.get("optional-dependencies", {}).values())]
    named = {re.split(r"[\[<>=~ ]", text)[0].lower().replace("_", "-") for text in declared}
    distributions = packages_distributions()
    missing = set()
    for path in modules(PACKAGES[name]):
        for module in imports(path) - {name}:
            owners = {owner.lower().replace("_", "-") for owner in distributions.get(module, [])}
            if owners and not owners & (named | _through(named)):
                missing.add((path.name, module))
    assert missing == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_is_short_and_says_what_it_is_for(name: str) -> None:
    wrong = {}
    for path in modules(PACKAGES[name]):
        text = path.read_text()
        if len(text.splitlines()) > LONGEST_FILE:
            wrong[path.name] = "over 300 lines"
        elif text.strip() and ast.get_docstring(ast.parse(text)) is None:
            wrong[path.name] = "no docstring"
    assert wrong == {}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_function_is_short(name: str) -> None:
    wrong = []
    for path in modules(PACKAGES[name]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION and len(node.body) > 1:
                    wrong.append(f"{path.name}:{node.name} {length}")
    assert wrong == []


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_is_named_for_everything(name: str) -> None:
    refused = {"service_layer.py", "utils.py", "util.py", "helpers.py", "common.py", "misc.py", "manager.py"}
    assert {path.name for path in modules(PACKAGES[name])} & refused == set()


def test_every_event_that_a_service_waits_for_is_said_by_someone() -> None:
    services = _services()
    said = {fact.type for service in services for fact in service.emits}
    from_outside = {t for t, fact in CATALOGUE.items() if fact.topic.startswith("shop.")}
    waited = {fact.type for service in services for fact in service.handlers}
    later = {t for t in waited if t not in said | from_outside}
    assert later <= NOT_SAID_YET


NOT_SAID_YET = {"points.changed"}
"""Types of the contract that services listen for and none says so far."""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_declares_what_it_says_and_nothing_else(name: str) -> None:
    (service,) = (one for one in _services() if name == f"{one.name}_svc")
    facts = {fact.__name__: fact for fact in CATALOGUE.values()}
    named, made = set(), set()
    for path in modules(SERVICES[name]):
        if path.name == "main.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id in facts:
                named.add(facts[node.id])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in facts:
                made.add(facts[node.func.id])
    own = {fact for fact in named if TOPICS[fact.topic].publisher == f"{service.name}-svc"}
    assert made <= own, "a fact of another publisher's topic"
    assert own == set(service.emits)


def test_the_page_of_the_flow_has_the_diagram_of_the_services() -> None:
    page = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{mermaid(_services())}```\n" in page, "`huitou graph` prints the diagram"


def _services() -> list[Service]:
    return sorted((plugin.load() for plugin in entry_points(group="huitou.services")), key=lambda one: one.name)


def _through(named: set[str]) -> set[str]:
    """What comes with a declared package and is its own other face."""
    faces = {"huitou-chassis": {"huitou-events"}, "fastapi": {"starlette"}, "pydantic": {"pydantic-core"}}
    return {face for name in named for face in faces.get(name, set())}

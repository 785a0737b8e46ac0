"""Metrics, alarms, dashboard and the pages about them name the same things."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from huitou_chassis import telemetry

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "deploy" / "monitoring"
GROUPS = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES.values()] + [t["expr"] for p in PANELS for t in p["targets"]]
PROMTOOL = shutil.which(os.environ.get("HUITOU_PROMTOOL", "promtool"))
NOT_OURS = {"up", "process_start_time_seconds", "process_resident_memory_bytes"}
FEW_VALUES = {"component", "version", "topic", "partition", "reason", "name", "method", "route", "status", "to", "pool"}


def metrics() -> dict[str, MetricWrapperBase]:
    found = [metric for metric in vars(telemetry).values() if isinstance(metric, MetricWrapperBase)]
    return {metric._name + ("_total" if metric._type == "counter" else ""): metric for metric in found}


def named(expression: str) -> set[str]:
    """The metrics of an expression; a histogram's series stand for it."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    names = set(re.findall(r"\b(huitou_\w+|process_\w+|up)\b", bare))
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_the_page_lists_every_metric_with_its_type_and_labels() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(huitou_\w+)` \| (\w+) \| ([\w, ]*) ?\| (.+) \|$", page, re.MULTILINE)
    listed = {name: (kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels, _ in rows}
    assert listed == {name: (metric._type, metric._labelnames) for name, metric in metrics().items()}


def test_no_label_has_values_without_end_or_a_name_that_collectors_use() -> None:
    labels = {label for metric in metrics().values() for label in metric._labelnames}
    assert labels <= FEW_VALUES


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_can_be_read_and_names_metrics_that_exist(expression: str) -> None:
    promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    assert named(expression) <= metrics().keys() | NOT_OURS


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name in named(target["expr"])}
    assert shown >= metrics().keys()


def test_every_alarm_has_its_heading_for_the_night_shift_and_no_heading_is_left_over() -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert headings == list(RULES)
    for name, rule in RULES.items():
        assert rule["annotations"]["runbook"] == f"docs/operate.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")
    sections = page.partition("## Alarms")[2].split("\n### ")[1:]
    assert [s.split("\n")[0] for s in sections if not all(f"**{w}" in s for w in ("Shops", "See", "Do", "Wake"))] == []


def test_links_of_the_page_lead_somewhere() -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", page):
        file, _, heading = target.partition("#")
        text = (ROOT / "docs" / file).read_text(encoding="utf-8") if file else page
        headings = {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in re.findall(r"^#+ (.+)$", text, re.M)}
        assert not heading or heading in headings, target


def test_every_alarm_is_raised_in_a_test_of_the_rules() -> None:
    tests: list[dict[str, Any]] = yaml.safe_load((MONITORING / "rules_test.yml").read_text())["tests"]
    raised = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert raised == RULES.keys()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (it comes with Prometheus)")
@pytest.mark.parametrize("check", ["check rules rules.yml", "check config prometheus.yml", "test rules rules_test.yml"])
def test_prometheus_takes_the_rules(check: str) -> None:
    done = subprocess.run([str(PROMTOOL), *check.split()], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

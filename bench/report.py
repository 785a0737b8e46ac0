"""docs/benchmarks.md: a section for each benchmark, written by the run that measured it."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
USUAL = 100_000
HEAD = """# Benchmarks

Written by `make bench`; each section names the command that writes it anew alone. Kafka and PostgreSQL run beside what
is measured, on the same cores and durable as in production, so a figure is to be read as plus or minus 30 %; what
counts is the ratio to the floor of the same run. On one machine the floor was between 20,000 and 44,000 events/s from
day to day, and times were twice as long on the slow ones: look at the floor of the day first.
"""


def write(name: str, about: str, lines: list[str], seconds: float, *, customers: int) -> None:
    """Replaces the section of the benchmark with so many customers, or adds it at the end."""
    sections = _sections()
    title = name if customers == USUAL else f"{name}, {customers:,} customers"
    command = name if customers == USUAL else f"--customers {customers} {name}"
    sections[title] = _section(title, about, lines, seconds, command)
    PAGE.write_text("\n".join([HEAD, *sections.values()]), encoding="utf-8")


def _sections() -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].removeprefix("## "): part.rstrip() + "\n" for part in parts}


def _section(title: str, about: str, lines: list[str], seconds: float, command: str) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    measured = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {seconds:.0f} s"
    figures = "\n".join(lines)
    return f"## {title}\n\n{about}\n\n`.venv/bin/python -m bench {command}` ({measured})\n\n```\n{figures}\n```\n"

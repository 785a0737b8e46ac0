"""Looks through logs, metrics and traces for phones, keys and passwords."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from tests.flow.platform import Platform

PROCESSES = [
    f"{service}-{kind}" for service in ("segment", "loyalty", "campaign", "notify") for kind in ("api", "worker")
]
_PHONE = re.compile(r"(?<![\w.])(?:\+?86)?1[3-9]\d{9}(?![\w.])")


def secrets(platform: Platform) -> list[str]:
    """Everything that the installation keeps secret: keys, passwords, tokens."""
    kept = [file.read_text().strip() for file in (platform.home / "secrets").iterdir()]
    assert platform.endpoints["api_key"] in kept
    return [form for secret in kept for form in {secret, quote(secret)}]


def logs(home: Path) -> dict[str, str]:
    files = [home / "up.log", *(home / "logs").glob("*.log*")]
    assert {f"{name}.log" for name in PROCESSES} <= {file.name for file in files}
    return {str(file.relative_to(home)): file.read_text(errors="replace") for file in files}


async def metrics(platform: Platform) -> dict[str, str]:
    """What every process answers to GET /metrics."""
    found = {}
    for name in PROCESSES:
        environment = Path(f"/proc/{platform.pid(name)}/environ").read_bytes().split(b"\0")
        given = dict(one.decode().partition("=")[::2] for one in environment if one)
        port = given["HUITOU_PORT" if name.endswith("api") else "HUITOU_HEALTH_PORT"]
        answer = await platform.client.get(f"http://127.0.0.1:{port}/metrics")
        assert "huitou_build_info" in answer.text
        found[f"metrics of {name}"] = answer.text
    return found


def found(texts: Mapping[str, str], secrets: Iterable[str]) -> dict[str, list[str]]:
    """The lines with a raw phone number or a secret, by where they stand; a few of each."""
    leaks = {}
    for where, text in texts.items():
        bad = [line for line in text.splitlines() if _PHONE.search(line) or any(one in line for one in secrets)]
        if bad:
            leaks[where] = [line[:500] for line in bad[:5]]
    return leaks

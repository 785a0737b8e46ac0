"""Every operation that a service documents, called with what its document allows and with what it does not.

https://schemathesis.readthedocs.io: no answer of 500 or more, none that the document does not describe, and nothing
accepted that it forbids. Left out: that all that fits the schema is accepted, since a rule's or a date's meaning cannot
be said in JSON Schema; and that other methods of a path are refused, since an id may hold a slash.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.flow.platform import Platform

LEFT_OUT = "positive_data_acceptance,unsupported_method"
EXAMPLES = 10


@pytest.mark.parametrize("service", ["segment", "loyalty", "campaign", "notify"])
async def test_a_service_answers_as_it_documents(platform: Platform, service: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    options = ("--exclude-checks", LEFT_OUT, "--max-examples", str(EXAMPLES), "--seed", "7", "--no-color")
    found = await asyncio.create_subprocess_exec(
        *(program, "--config-file", Path(__file__).with_name("schemathesis.toml")),
        *("run", f"{platform.endpoints[service]}/openapi.json", *options),
        *("--header", f"Authorization: Bearer {platform.endpoints['api_key']}"),
        # The clock is shared with the other tests.
        *("--exclude-path", "/dev/clock"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await found.communicate()
    assert found.returncode == 0, told.decode()

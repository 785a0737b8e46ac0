"""What operators do in a scenario, in words, and the call that does it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.segment.told import written
from tests.stage import Stage

REFUSED = re.compile(r"(.+?)(?: \(refused: (\S+)\))?")
CALLS = (
    (r"(?P<who>\S+) tagged (?P<tag>\S+)", "PUT", "/customers/{who}/tags/{tag}"),
    (r"(?P<who>\S+) untagged (?P<tag>\S+)", "DELETE", "/customers/{who}/tags/{tag}"),
    (r"the tag (?P<tag>\S+) is kept by `(?P<rule>.+)`", "PUT", "/tags/{tag}"),
    (r"the tag (?P<tag>\S+) is deleted", "DELETE", "/tags/{tag}"),
    (r"the rule of (?P<audience>\S+) becomes `(?P<rule>.+)`", "PATCH", "/audiences/{audience}"),
    (r"the audience (?P<audience>\S+) is deleted", "DELETE", "/audiences/{audience}"),
    (r"a snapshot is made", "POST", "/snapshots"),
    (r"repurchase is set to `(?P<body>.+)`", "PUT", "/repurchase"),
    (r"the levels are set to `(?P<body>.+)`", "PUT", "/loyalty-levels"),
)


@dataclass(frozen=True)
class Call:
    """A call, and the type of the problem with which it is refused, if it is."""

    method: str
    path: str
    body: Any
    refused: str | None

    async def make(self, segment: Stage) -> None:
        answer = await segment.client.request(self.method, f"/v1/shops/{segment.shop}{self.path}", json=self.body)
        if self.refused:
            assert (answer.is_error, answer.json()["type"]) == (True, self.refused)
        else:
            assert answer.is_success, answer.text


def read(words: str, ids: Mapping[str, str]) -> Call | None:
    """The call that does what the words say, if an operator does it; `ids` by the names of the audiences."""
    parts = REFUSED.fullmatch(words)
    assert parts is not None
    for pattern, method, path in CALLS:
        if found := re.fullmatch(pattern, parts[1]):
            named = found.groupdict()
            where = {name: quote(ids[text] if name == "audience" else text, safe="") for name, text in named.items()}
            return Call(method, path.format(**where), _body(named, ids), parts[2])
    return None


def _body(named: Mapping[str, str], ids: Mapping[str, str]) -> Any:
    if "rule" in named:
        return {"rule": written(json.loads(named["rule"]), dict(ids))}
    return json.loads(named["body"]) if "body" in named else None

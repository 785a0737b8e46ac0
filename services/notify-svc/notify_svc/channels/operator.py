"""The development operator's HTTP protocol: POST /send with a key, GET /messages/by-key/{key} to ask."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import SecretStr

from huitou_chassis import outgoing
from notify_svc.channels.outcome import Busy, Finding, Missing, Outcome, Refused, Sent, Unclear

NAME = "operator"
NEVER_REACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
NOT_NOW = (429, 503)


@dataclass(frozen=True)
class Sms:
    """`key` names the message for good: the same key again is the same message."""

    key: str
    job_id: str
    to: str
    text: str
    callback: str


class Operator:
    """A session with the operator, to be used as a context manager; every call ends within `timeout` seconds."""

    def __init__(self, url: str, token: SecretStr, timeout: float) -> None:
        self._client = outgoing.Client(
            base_url=url, timeout=timeout, headers={"Authorization": f"Bearer {token.get_secret_value()}"}
        )

    async def __aenter__(self) -> "Operator":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, sms: Sms) -> Outcome:
        body = {"key": sms.key, "job_id": sms.job_id, "to": sms.to, "text": sms.text, "callback": sms.callback}
        try:
            answer = await self._client.post("/send", json=body, extensions=outgoing.to(NAME))
        except NEVER_REACHED as error:
            return Busy(f"unreachable: {type(error).__name__}")
        except httpx2.TransportError as error:
            return Unclear(f"no answer: {type(error).__name__}")
        if answer.status_code in NOT_NOW:
            return Busy(f"status {answer.status_code}")
        if answer.is_client_error:
            return Refused(refusal(answer))
        return taken(answer)

    async def find(self, key: str) -> Finding:
        try:
            answer = await self._client.get(f"/messages/by-key/{quote(key, safe='')}", extensions=outgoing.to(NAME))
        except httpx2.TransportError as error:
            return Unclear(f"no answer: {type(error).__name__}")
        return Missing() if answer.status_code == httpx2.codes.NOT_FOUND else taken(answer)


def taken(answer: httpx2.Response) -> Sent | Unclear:
    """Only an answer that names the message says that it was taken."""
    said = content(answer)
    if answer.is_success and isinstance(said.get("id"), str):
        return Sent(said["id"])
    return Unclear(f"status {answer.status_code}")


def refusal(answer: httpx2.Response) -> str:
    reason = content(answer).get("reason")
    return f"refused: {reason}"[:200] if isinstance(reason, str) else f"refused: status {answer.status_code}"


def content(answer: httpx2.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}

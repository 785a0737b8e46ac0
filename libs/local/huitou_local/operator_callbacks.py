"""The operator calls back: receipts a moment after a message, answers of recipients at once, all signed."""

import asyncio
import hmac
import time
from hashlib import sha256
from urllib.parse import urlsplit

import httpx2
import orjson

from huitou_local.operator_store import Store, Stored

TRIES = 20
LONGEST_PAUSE = 30.0
AT_ONCE = 50
ROUND = 200
LOOK = 60.0


class Callbacks:
    """Sends what is due, until cancelled. `token` signs."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._token = token.encode()
        self._more = asyncio.Event()
        self._client = httpx2.AsyncClient(timeout=5, limits=httpx2.Limits(max_connections=20))

    def wake(self) -> None:
        """There may be something due sooner than it seemed."""
        self._more.set()

    async def run(self) -> None:
        try:
            while True:
                self._more.clear()
                batch = self._store.due(time.time(), ROUND)
                gate = asyncio.Semaphore(AT_ONCE)
                await asyncio.gather(*(self._receipt(message, gate) for message in batch))
                if not batch:
                    await self._rest()
        finally:
            await self._client.aclose()

    async def reply(self, latest: Stored, *, id: str, text: str) -> int:
        """A recipient's answer to the latest message that they got; answers the status of the call, 0 for none."""
        body = {"kind": "reply", "id": id, "from": latest.recipient, "text": text, "job_id": latest.job_id}
        return await self._call(latest.callback, body)

    async def _rest(self) -> None:
        due = self._store.next_due()
        pause = LOOK if due is None else max(0.0, min(LOOK, due - time.time()))
        try:
            await asyncio.wait_for(self._more.wait(), pause)
        except TimeoutError:
            return

    async def _receipt(self, message: Stored, gate: asyncio.Semaphore) -> None:
        body = {"kind": "receipt", "id": str(message.id), "job_id": message.job_id}
        if message.status == "undelivered":
            body |= {"status": "failed", "reason": "absent subscriber"}
        else:
            body |= {"status": "delivered"}
        async with gate:
            done = await self._call(message.callback, body) in range(200, 300)
            if done and message.status == "duplicate" and message.tries == 0:
                done = False
        tired = message.tries + 1 >= TRIES
        again = None if done or tired else time.time() + min(LONGEST_PAUSE, 0.5 * 2**message.tries)
        self._store.receipt_tried(message.id, again=again)

    async def _call(self, url: str, body: dict[str, str]) -> int:
        content = orjson.dumps(body)
        stamp = str(int(time.time()))
        signed = f"{stamp}.{urlsplit(url).path}.".encode() + content
        signature = hmac.new(self._token, signed, sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Huitou-Signature": f"t={stamp},v1={signature}"}
        try:
            return (await self._client.post(url, content=content, headers=headers)).status_code
        except httpx2.TransportError:
            return 0

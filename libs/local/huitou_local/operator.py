"""The development telecom operator: takes messages, reports their delivery, shows them, and fails when told to.

    POST /send {key, job_id, to, text, callback} → 202 {id}      bearer token; the same key is the same message
    GET  /messages/by-key/{key} → {id} or 404                    bearer token
    GET  /messages?to=&cursor= → {items, next_cursor}            what was taken, oldest first
    POST /replies {from, text}                                   the holder of a phone answers the latest message
    PUT  /behaviour {fail, times, receipt_after}                 how the next messages are treated
    GET  /                                                       the messages as a page

Numbers that end in a key of MAGIC are always treated so. It listens on this machine only. `received_at` is by the clock
of the domain, so that a message is seen to come at an hour at which messages may come; receipts follow in real time.
"""

import argparse
import asyncio
import hmac
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from huitou_chassis import Clock
from huitou_local.operator_callbacks import Callbacks
from huitou_local.operator_page import page
from huitou_local.operator_store import Store, Stored

Failure: TypeAlias = Literal[
    "500",
    "503",
    "429",
    "refuse",
    "timeout",
    "timeout-after-accept",
    "reset-after-accept",
    "slow",
    "undelivered",
    "no-receipt",
    "duplicate-receipt",
]
MAGIC: dict[str, Failure] = {
    "999000": "undelivered",
    "999408": "timeout-after-accept",
    "999422": "refuse",
    "999500": "500",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NEVER_S, SLOW_S = 60.0, 3.0


class Body(BaseModel):
    """The base of what is sent to the operator."""

    model_config = ConfigDict(extra="forbid")


def _on_this_machine(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise ValueError("the development operator calls back on this machine only")
    return url


class Sms(Body):
    """One message; `key` names it for good."""

    key: str = Field(min_length=1, max_length=300)
    job_id: str = Field(min_length=1, max_length=128)
    to: str = Field(pattern=r"^\+[0-9]{7,15}$")
    text: str = Field(min_length=1, max_length=2000)
    callback: Annotated[str, AfterValidator(_on_this_machine)]


class Behaviour(Body):
    """How the next `times` messages are treated (None: all from now on); receipts follow after so many seconds."""

    fail: Failure | None = None
    times: int | None = Field(None, ge=1)
    receipt_after: tuple[float, float] = (0.2, 2.0)


class ReplyIn(Body):
    """What the holder of a phone answers."""

    from_: str = Field(alias="from")
    text: str = Field(max_length=1000)


class Operator:
    """The state of one operator while it runs."""

    def __init__(self, store: Store, token: str, clock: Clock) -> None:
        self.store = store
        self.token = token
        self.clock = clock
        self.callbacks = Callbacks(store, token)
        self.behaviour = Behaviour()

    def treatment(self, to: str) -> Failure | None:
        """How this message is to be treated; counts it."""
        magic = next((failure for ending, failure in MAGIC.items() if to.endswith(ending)), None)
        told = self.behaviour
        if magic is not None or told.fail is None:
            return magic
        if told.times is not None:
            left = told.times - 1
            change = {"times": left} if left else {"times": None, "fail": None}
            self.behaviour = told.model_copy(update=change)
        return told.fail

    def take(self, sms: Sms, failure: Failure | None) -> Stored:
        """Keeps the message and plans its receipt."""
        due = None if failure == "no-receipt" else time.time() + random.uniform(*self.behaviour.receipt_after)
        status = {"undelivered": "undelivered", "duplicate-receipt": "duplicate"}.get(failure or "", "delivered")
        taken = self.store.take(
            key=sms.key,
            job_id=sms.job_id,
            to=sms.to,
            text=sms.text,
            callback=sms.callback,
            at=self.clock.now(),
            status=status,
            due=due,
        )
        self.callbacks.wake()
        return taken


def application(folder: Path, token: str, clock: Clock) -> FastAPI:
    """The operator, with its messages in `folder`; it lives at the time of those who write through it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.operator = operator = Operator(Store(folder), token, clock)
        calling = asyncio.create_task(operator.callbacks.run())
        try:
            yield
        finally:
            calling.cancel()
            with suppress(asyncio.CancelledError):
                await calling
            operator.store.close()

    app = FastAPI(title="Development telecom operator", lifespan=lifespan)
    add_protocol(app)
    add_desk(app)
    return app


def _operator(request: Request) -> Operator:
    found: Operator = request.app.state.operator
    return found


At: TypeAlias = Annotated[Operator, Depends(_operator)]


def _customer(operator: At, authorization: Annotated[str, Header()] = "") -> None:
    if not operator.token or not hmac.compare_digest(authorization.encode(), f"Bearer {operator.token}".encode()):
        raise HTTPException(401, "send `Authorization: Bearer TOKEN`")


def add_protocol(app: FastAPI) -> None:
    """What those who send messages use."""

    @app.post("/send", dependencies=[Depends(_customer)], status_code=202)
    async def send(sms: Sms, operator: At) -> Response:
        failure = operator.treatment(sms.to)
        if failure in ("500", "503", "429"):
            return JSONResponse({"reason": "told to fail"}, int(failure))
        if failure == "refuse":
            return JSONResponse({"reason": "number not in service"}, 422)
        if failure == "timeout":
            await asyncio.sleep(NEVER_S)
            return JSONResponse({"reason": "too late"}, 503)
        taken = operator.take(sms, failure)
        if failure == "reset-after-accept":
            return StreamingResponse(_broken(), 202, {"Content-Length": "100"})
        if failure in ("timeout-after-accept", "slow"):
            await asyncio.sleep(SLOW_S if failure == "slow" else NEVER_S)
        return JSONResponse({"id": str(taken.id)}, 202)

    @app.get("/messages/by-key/{key:path}", dependencies=[Depends(_customer)])
    async def by_key(key: str, operator: At) -> dict[str, str]:
        taken = operator.store.by_key(key)
        if taken is None:
            raise HTTPException(404, "no message with this key")
        return {"id": str(taken.id), "received_at": taken.received_at}


async def _broken() -> AsyncIterator[bytes]:
    yield b'{"id"'
    raise ConnectionResetError("told to break off")


def add_desk(app: FastAPI) -> None:
    """What those who look on use."""

    @app.get("/messages")
    async def messages(
        operator: At,
        to: str | None = None,
        cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        found = operator.store.page(to=to, after=cursor, limit=limit + 1)
        items = [_shown(message) for message in found[:limit]]
        return {"items": items, "next_cursor": items[-1]["id"] if len(found) > limit else None}

    @app.post("/replies", status_code=202)
    async def replies(body: ReplyIn, operator: At) -> dict[str, int]:
        latest = operator.store.latest_to(body.from_)
        if latest is None:
            raise HTTPException(404, "this phone has got no message to answer")
        id = f"reply-{time.time_ns()}"
        return {"status": await operator.callbacks.reply(latest, id=id, text=body.text)}

    @app.get("/behaviour")
    async def behaviour(operator: At) -> Behaviour:
        return operator.behaviour

    @app.put("/behaviour")
    async def behave(body: Behaviour, operator: At) -> Behaviour:
        operator.behaviour = body
        return body

    @app.get("/", response_class=HTMLResponse)
    async def show(operator: At) -> str:
        return page(operator.store.newest(200))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}


def _shown(message: Stored) -> dict[str, str]:
    """As the contract has it, with the id in text."""
    return {
        "id": str(message.id),
        "job_id": message.job_id,
        "to": message.recipient,
        "text": message.text,
        "received_at": message.received_at,
    }


def main() -> None:
    """`python -m huitou_local.operator --port N --data DIR`, with HUITOU_SMS_TOKEN and HUITOU_DEV_CLOCK set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    token = os.environ.get("HUITOU_SMS_TOKEN", "")
    file = os.environ.get("HUITOU_DEV_CLOCK")
    uvicorn.run(
        application(args.data, token, Clock(Path(file) if file else None)),
        host="127.0.0.1",
        port=args.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()

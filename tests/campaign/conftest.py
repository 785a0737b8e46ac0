"""A stand-in for segment-svc that answers the two calls that plans make, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Response

from tests.campaign.ask import later
from tests.stage import Stage
from tests.waiting import until


@dataclass
class Audience:
    """Members with the moment since when; `state` as segment-svc says it."""

    since: dict[str, str] = field(default_factory=dict)
    state: str = "live"


@dataclass
class Segment:
    """Audiences by id. `down` answers 503; `pages` counts the pages of members that were asked for."""

    audiences: dict[str, Audience] = field(default_factory=dict)
    down: bool = False
    pages: int = 0
    most: int = 1000

    def put(self, *customers: str, id: str = "win-back") -> Audience:
        self.audiences[id] = Audience(dict.fromkeys(customers, later(days=-1)))
        return self.audiences[id]


@pytest.fixture
async def audiences(campaign: Stage) -> AsyncIterator[Segment]:
    """What segment-svc knows; the campaign stage calls it."""
    segment = Segment()
    config = uvicorn.Config(application(segment), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: answers(server), every=0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    for ctx in (campaign.ctx, campaign.api):
        ctx.settings = ctx.settings.model_copy(update={"segment_url": f"http://127.0.0.1:{port}"})
    yield segment
    server.should_exit = True
    await serving


async def answers(server: uvicorn.Server) -> bool:
    return server.started


def application(segment: Segment) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/shops/{shop}/audiences/{id}", response_model=None)
    async def audience(shop: str, id: str) -> Response | dict[str, Any]:
        if segment.down:
            return Response(status_code=503)
        if id not in segment.audiences:
            return Response(status_code=404)
        known = segment.audiences[id]
        return {"id": id, "name": id, "size": len(known.since), "state": known.state}

    @app.get("/v1/shops/{shop}/audiences/{id}/members", response_model=None)
    async def members(shop: str, id: str, limit: int = 100, cursor: str = "") -> Response | dict[str, Any]:
        if segment.down:
            return Response(status_code=503)
        if id not in segment.audiences:
            return Response(status_code=404)
        segment.pages += 1
        limit = min(limit, segment.most)
        found = sorted(item for item in segment.audiences[id].since.items() if item[0] > cursor)
        items = [{"customer_id": name, "since": since, "until": None} for name, since in found[:limit]]
        return {"items": items, "next_cursor": items[-1]["customer_id"] if len(found) > limit else None}

    return app

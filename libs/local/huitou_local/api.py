"""The public API as the demo uses it: of one shop, with the installation's key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from huitou_local.retail import SHOP

LARGEST_PAGE = 1000


class Api:
    """Calls of the demo's shop; RuntimeError with the service's own words for a refusal."""

    def __init__(self, endpoints: Mapping[str, str], client: httpx2.AsyncClient) -> None:
        self._endpoints = endpoints
        self._client = client

    @classmethod
    @asynccontextmanager
    async def opened(cls, endpoints: Mapping[str, str]) -> "AsyncIterator[Api]":
        headers = {"Authorization": f"Bearer {endpoints['api_key']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as client:
            yield cls(endpoints, client)

    async def get(self, service: str, path: str, **params: Any) -> Any:
        return await self._call(service, "GET", path, params=params)

    async def post(self, service: str, path: str, body: Any = None) -> Any:
        return await self._call(service, "POST", path, json=body)

    async def put(self, service: str, path: str, body: Any) -> Any:
        return await self._call(service, "PUT", path, json=body)

    async def pages(self, service: str, path: str, **params: str) -> AsyncIterator[Any]:
        """The items of all pages."""
        async for item in self._followed(self._url(service, path), params):
            yield item

    async def clock(self, **forward: str) -> str:
        """Now, after setting it forward if asked."""
        url = f"{self._endpoints['segment']}/dev/clock"
        answer = await (self._client.put(url, json=forward) if forward else self._client.get(url))
        return str(checked(answer)["now"])

    async def texts(self) -> AsyncIterator[Any]:
        """The messages that the development operator got, oldest first."""
        async for message in self._followed(f"{self._endpoints['operator']}/messages", {}):
            yield message

    async def _call(self, service: str, method: str, path: str, **request: Any) -> Any:
        return checked(await self._client.request(method, self._url(service, path), **request))

    async def _followed(self, url: str, params: Mapping[str, str]) -> AsyncIterator[Any]:
        cursor: dict[str, str] = {}
        while True:
            asked = {"limit": str(LARGEST_PAGE), **params, **cursor}
            page = checked(await self._client.get(url, params=asked))
            for item in page["items"]:
                yield item
            if not page["next_cursor"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def _url(self, service: str, path: str) -> str:
        return f"{self._endpoints[service]}/v1/shops/{SHOP}{path}"


def checked(answer: httpx2.Response) -> Any:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    return answer.json()

"""The same answers from a service over HTTP: query commands ask it in place of Kafka if they have its URL."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from processor.errors import FleetfoldError
from processor.serve.queries import FailureSession, PairRow, StatsRow
from schemas import ComponentHistory

__all__ = ["Service", "ServiceError", "ask_all"]

_PAGE = 1_000
_IDS = 100
_QUERY_BYTES = 3_900  # of the 4,096 that the service reads
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)


class ServiceError(FleetfoldError):
    """The service does not answer, or does not answer what was asked."""


class Service:
    """One service, while the context is open.

    Args:
        url: where it is.
        token: shown to it; else FLEETFOLD_TOKEN of the environment.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        shown = token or os.environ.get("FLEETFOLD_TOKEN", "")
        self._headers = {"authorization": f"Bearer {shown}"} if shown else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, parameters: Mapping[str, Any] | list[tuple[str, Any]] = ()) -> Any:  # type: ignore[assignment]
        """Ask one question and return the decoded answer.

        Raises:
            ServiceError: no answer, or a problem; the text says which.
        """
        if self._session is None:
            raise RuntimeError("the service is not open")
        try:
            async with self._session.get(f"{self.url}/v1/{path}", params=parameters) as answer:
                told = await answer.json(content_type=None)
                if answer.status != HTTPStatus.OK:
                    raise ServiceError(
                        f"{self.url}: {told.get('detail', answer.reason)}{_hint(answer.status)}"
                    )
                return told
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise ServiceError(f"no Fleetfold service answers at {self.url}: {why}") from error

    async def pages(
        self, path: str, name: str, parameters: Mapping[str, Any], rows_a_page: int = _PAGE
    ) -> list[Any]:
        """Return all pages of a list."""
        rows: list[Any] = []
        page: Mapping[str, Any] = {}
        asked = {**parameters, "limit": rows_a_page}
        while not page or page["next"] is not None:
            page = await self.get(path, asked)
            rows += page[name]
            asked["after"] = page["next"]
        return rows

    async def components(self, **parameters: Any) -> list[StatsRow]:
        """Return rows as they stand on the topic."""
        return [_row(each) for each in await self.pages("components", "components", parameters)]

    async def stats(self, ids: list[str]) -> list[StatsRow]:
        """Return the rows of these components, as far as they are known, in the order of the lists."""
        rows = [_row(each) async for each in self._some(ids)]
        return sorted(rows, key=lambda row: (row["first_seen"] or "", row["component_id"]))

    async def histories(self, ids: Collection[str]) -> dict[str, ComponentHistory] | None:
        """Return the time lines of these components, as far as they are known; None if none are followed."""
        found = {}
        async for row in self._some(ids, ("history", "true")):
            if row.get("history") is None:
                return None
            found[row["component_id"]] = ComponentHistory.model_validate(row["history"])
        return found

    async def every_history(self) -> list[ComponentHistory]:
        """Return all time lines, in the order of ids.

        Raises:
            ServiceError: the service follows none.
        """
        asked = {"history": "true", "sort": "component_id"}
        rows = await self.pages("components", "components", asked, _IDS)
        if any(row.get("history") is None for row in rows):
            raise ServiceError(f"{self.url}: this service follows no time lines")
        return [ComponentHistory.model_validate(row["history"]) for row in rows]

    async def _some(self, ids: Collection[str], *more: tuple[str, str]) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows of components, asked for in as few questions as a query's length allows."""
        for some in _batches(ids):
            asked = [("component_id", each) for each in some]
            page = await self.get("components", [*asked, *more, ("limit", _IDS)])
            for row in page["components"]:
                yield row

    async def pairs(self, min_count: int, component: str | None) -> list[PairRow]:
        """Return pairs as they stand on the topic, most frequent first."""
        parameters: dict[str, Any] = {"min_count": min_count}
        if component is not None:
            parameters["component"] = component
        found = await self.pages("co-failures", "pairs", parameters)
        return [{key: each[key] for key in ("component_a", "component_b", "count")} for each in found]  # type: ignore[misc]

    async def sessions(self, host: str | None) -> list[FailureSession]:
        """Return the failure sessions, newest first."""
        found = await self.pages("failure-sessions", "sessions", {} if host is None else {"host": host})
        return [
            FailureSession(
                each["host_id"],
                each["start"],
                each["end"],
                None if each["components"] is None else tuple(each["components"]),
            )
            for each in found
        ]


def ask_all(url: str, question: Any) -> Any:
    """Open a service, put a question to it, and return the answer.

    Args:
        url: where it is.
        question: a function of the service that is awaited.
    """

    async def ask() -> Any:
        async with Service(url) as service:
            return await question(service)

    return asyncio.run(ask())


def _batches(ids: Collection[str]) -> Iterator[list[str]]:
    """Part ids so that each part fits a query: in number, and in bytes once they are encoded."""
    some: list[str] = []
    size = 0
    for each in ids:
        needed = len(quote(each, safe="")) + len("component_id=&")
        if len(some) == _IDS or (some and size + needed > _QUERY_BYTES):
            yield some
            some, size = [], 0
        some.append(each)
        size += needed
    if some:
        yield some


def _row(told: dict[str, Any]) -> StatsRow:
    for added in ("score_multiplier", "shrunk_rate", "verdicts"):
        told.pop(added, None)
    told.setdefault("failure_sessions", 0)
    return told  # type: ignore[return-value]  # the service's rows are the topic's and these fields


def _hint(status: int) -> str:
    refused = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return " (set FLEETFOLD_TOKEN)" if status in refused else ""

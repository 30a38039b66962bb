"""`/livez` and `/readyz`: for supervisors that restart the process, and load balancers that send it traffic.

Liveness depends on nothing, so a database outage never makes a supervisor kill healthy processes. Readiness checks the
store, because no request can be authorized without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from doorward.errors import StorageError
from doorward.records.accounts import User
from doorward.storage.port import Store

NO_CACHE = {"cache-control": "no-store"}


async def live(request: Request) -> Response:
    """Answer that the process is running."""
    del request
    return PlainTextResponse("ok\n", headers=NO_CACHE)


class DoorReadiness(msgspec.Struct, frozen=True):
    """Whether this process serves a door."""

    name: str
    ready: bool
    reason: str = ""


class Readiness:
    """Reports whether requests can be served now.

    Nothing is asked of the servers behind the doors: one that is down must not take a node with healthy doors out of
    service. Doors are named only to peers that may read the metrics.
    """

    def __init__(
        self, store: Store, doors: Callable[[], Iterable[DoorReadiness]], may_see: Callable[[Request], bool]
    ) -> None:
        self.store = store
        self._doors = doors
        self._may_see = may_see

    async def __call__(self, request: Request) -> Response:
        """Return 200, or 503 with the missing dependency."""
        body: dict[str, object] = {"ready": True, "reason": ""}
        try:
            await self.store.get(User, "")
        except StorageError:
            body = {"ready": False, "reason": "the database does not answer"}
        if self._may_see(request):
            body["doors"] = list(self._doors())
        headers = {**NO_CACHE, "content-type": "application/json"}
        if body["ready"]:
            return Response(msgspec.json.encode(body), 200, headers)
        return Response(msgspec.json.encode(body), 503, {**headers, "retry-after": "1"})

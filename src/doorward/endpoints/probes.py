"""`/livez` and `/readyz`: for supervisors that restart the process, and load balancers that send it traffic.

Liveness depends on nothing, so a database outage never makes a supervisor kill healthy processes. Readiness checks the
store, because no request can be authorized without it.
"""

from __future__ import annotations

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


class Readiness:
    """Reports whether requests can be served now."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def __call__(self, request: Request) -> Response:
        """Return 200, or 503 with the missing dependency."""
        del request
        try:
            await self.store.get(User, "")
        except StorageError:
            return PlainTextResponse("the database does not answer\n", 503, NO_CACHE | {"retry-after": "1"})
        return PlainTextResponse("ok\n", headers=NO_CACHE)

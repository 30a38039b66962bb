"""The routing table: which endpoint serves which path and method. A path that is not in it is a 404.

Each part of the server returns a list of its routes, and one table is built from all of them. Paths are compared byte
for byte, so no alternative spelling reaches a handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.edge.frame import CORS, json_response, not_found
from doorward.edge.mounting import local_path
from doorward.errors import Problem, StartError

Served = TypeVar("Served")
Methods = Mapping[str, ASGIApp]
"""HEAD is served only if it is listed (`reading`)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path, or several with the same prefix."""

    path: str
    methods: Methods
    covers: Literal["path", "segment"] = "path"
    """`segment`: every path that is this one plus a single further segment."""
    is_open: bool = False
    """Whether it answers CORS preflight requests."""


@dataclass(frozen=True, slots=True)
class Mount:
    """An application that serves every path with this prefix that is not a route."""

    path: str
    app: ASGIApp


def reading(app: ASGIApp) -> dict[str, ASGIApp]:
    """Return the methods of a path whose GET has no side effects, so that HEAD may run the same app.

    A GET with side effects, such as consuming a pushed request or answering from remembered consent, is listed without
    HEAD. Mail scanners and link previews send HEAD automatically.

    Spec: RFC 9110 s9.2.1, s9.3.2
    """
    return {"GET": app, "HEAD": app}


class Router:
    """Serves a table of routes; every other path is a 404, every other method a 405, in JSON.

    Raises:
        StartError: a path is in the table twice.
    """

    def __init__(self, table: Iterable[Route | Mount]) -> None:
        routes: dict[str, Methods] = {}
        prefixes: dict[str, Methods] = {}
        mounts: dict[str, ASGIApp] = {}
        opened: set[str] = set()
        for each in table:
            if isinstance(each, Mount):
                _add(mounts, each.path, each.app)
                continue
            _add(routes if each.covers == "path" else prefixes, each.path, each.methods)
            if each.is_open:
                opened.add(each.path)
        self.routes: Mapping[str, Methods] = routes
        self.prefixes: Mapping[str, Methods] = prefixes
        self.mounts: Mapping[str, ASGIApp] = mounts
        self._open = frozenset(opened)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path in the table."""
        return (*self.routes, *self.prefixes, *self.mounts)

    def entry(self, path: str) -> str:
        """Return the path of the entry that serves a path, or an empty string if there is none."""
        if path in self.routes:
            return path
        return next((each for each in (*self.mounts, *self.prefixes) if path.startswith(each)), "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = local_path(scope)
        methods = self.routes.get(path) or self._under_a_prefix(path)
        if methods is None:
            app = next((mounted for prefix, mounted in self.mounts.items() if path.startswith(prefix)), None)
            await (app or not_found())(scope, receive, send)
            return
        method: str = scope["method"]
        if method == "OPTIONS" and path in self._open:
            await _preflight(send)
            return
        app = methods.get(method)
        if app is None:
            allowed = ", ".join(sorted(methods))
            message = {"error": "method_not_allowed", "error_description": f"Use {allowed}."}
            await json_response(message, 405, {"allow": allowed})(scope, receive, send)
            return
        await app(scope, receive, send)

    def _under_a_prefix(self, path: str) -> Methods | None:
        head, _, segment = path.rpartition("/")
        return self.prefixes.get(f"{head}/") if segment else None


def _add(entries: dict[str, Served], path: str, served: Served) -> None:
    if path in entries:
        raise StartError(
            Problem(
                f"two parts of the server answer at {path}",
                "Only one of them can serve it.",
                "This is a bug of Doorward. Please report it.",
            )
        )
    entries[path] = served


async def _preflight(send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in CORS.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def static(body: bytes, content_type: str, *, status: int = 200) -> ASGIApp:
    """Serve bytes that never change while the process runs."""
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"public, max-age=300"),
        *((name.encode(), value.encode()) for name, value in CORS.items()),
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def static_json(value: object) -> ASGIApp:
    """Serve a JSON document, encoded once."""
    return static(msgspec.json.encode(value), "application/json")

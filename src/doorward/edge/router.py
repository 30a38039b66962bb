"""Which path and method belongs to which endpoint, as one table: a path that is not in it does not exist.

Paths are compared byte for byte, so no spelling trick reaches a handler.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.edge.frame import CORS, json_response

Routes = Mapping[str, Mapping[str, ASGIApp]]
"""Path to method to app. HEAD is served only if a path lists it (`reading`)."""


def reading(app: ASGIApp) -> dict[str, ASGIApp]:
    """Return the methods of a path whose GET changes nothing, so that HEAD may run the same app.

    A GET that acts, such as one that uses up a pushed request or answers from a remembered consent, is listed without
    HEAD. Mail scanners and link previews send HEAD on their own.

    Spec: RFC 9110 s9.2.1, s9.3.2
    """
    return {"GET": app, "HEAD": app}


class Router:
    """Serves a table of routes; everything else is 404 or 405 in JSON."""

    def __init__(self, routes: Routes, *, open_to_browsers: frozenset[str], prefixes: Routes | None = None) -> None:
        self.routes = routes
        self.prefixes = prefixes or {}
        """As `routes`, for every path that goes on after one of these with a single further segment."""
        self.mounts: Mapping[str, ASGIApp] = {}
        """What serves every other path that begins so."""
        self.open_to_browsers = open_to_browsers
        """Paths that answer a CORS preflight."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope["path"][len(scope.get("root_path", "")) :] or "/"
        methods = self.routes.get(path) or self._under_a_prefix(path)
        if methods is None:
            for prefix, mounted in self.mounts.items():
                if path.startswith(prefix):
                    await mounted(scope, receive, send)
                    return
            message = {"error": "not_found", "error_description": "There is nothing at this address."}
            await json_response(message, 404)(scope, receive, send)
            return
        method: str = scope["method"]
        if method == "OPTIONS" and path in self.open_to_browsers:
            await _preflight(send)
            return
        app = methods.get(method)
        if app is None:
            allowed = ", ".join(sorted(methods))
            message = {"error": "method_not_allowed", "error_description": f"Use {allowed}."}
            await json_response(message, 405, {"allow": allowed})(scope, receive, send)
            return
        await app(scope, receive, send)

    def _under_a_prefix(self, path: str) -> Mapping[str, ASGIApp] | None:
        head, _, segment = path.rpartition("/")
        return self.prefixes.get(f"{head}/") if segment else None


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

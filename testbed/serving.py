"""A server of the test bed as an ASGI application, with real waits in place of its own clock."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from doorward.doctor.exchange import Request, Response, SignIn
from testbed.good import Good


def application(server: Good) -> Any:
    """Return the application. Whoever opens the sign-in page is signed in by its button."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = await _request(server, scope, receive)
        server.now = time.time()
        response = server.everything(request)
        if request.url.startswith(f"{server.origin}/authorize") and response.status == 200:
            response = _page(server, request, response)
        await asyncio.sleep(response.elapsed_seconds)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers.items()]
        # A connection that ends without an answer is as near as HTTP comes to nothing at all.
        if not response.status:
            return
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return app


async def _request(server: Good, scope: Any, receive: Any) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
    return Request(scope["method"], f"{server.origin}{scope['raw_path'].decode()}{query}", headers, body)


def _page(server: Good, request: Request, shown: Response) -> Response:
    """Put the button on the page: a form that is posted back to the same URL."""
    if request.method == "POST":
        return server.sign_in(SignIn(request.url, ""))
    body = b'<!doctype html><title>Sign in</title><form method="post"><button>Allow</button></form>'
    return Response(shown.status, shown.headers, body)

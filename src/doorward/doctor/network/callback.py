"""The redirect URI of the doctor's sign-in: a listener on this machine, for the duration of one examination.

It does not interpret the redirect; the caller does. It opens only http and https URLs, and fills in no form: the person
does that. It listens on 127.0.0.1 only, on a free port.

Implements RFC 8252 s7.3, s8.3 as far as one redirect goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl

from doorward.doctor.engine.requests import Response, SignIn
from doorward.doctor.network.links import urlsplit

WAIT_SECONDS = 300.0
_PATH = "/callback"
_HEAD_LIMIT_BYTES = 16 * 1024
_HEAD_SECONDS = 10.0
_METHOD_KEPT, _FOUND = 307, 302
_PAGE = (
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>doorward check</title><h1>{title}</h1><p>{text}"""
)
_BACK = _PAGE.format(title="You can close this page.", text="doorward check goes on in the terminal.")
_NOT_HERE = _PAGE.format(title="Nothing is here.", text="doorward check waits for another address.")
OpenPage = Callable[[str], Awaitable[object]]
Tell = Callable[[SignIn], object]


class Callback:
    """Waits for one redirect at a time."""

    def __init__(self, port: int, tell: Tell, open_page: OpenPage | None, wait_seconds: float) -> None:
        self._port = port
        self._tell = tell
        self._open_page = open_page
        self._wait_seconds = wait_seconds
        self._states: frozenset[str] = frozenset()
        self._came: asyncio.Future[Response] | None = None

    @property
    def url(self) -> str:
        """The redirect URI."""
        return f"http://127.0.0.1:{self._port}{_PATH}"

    async def sign_in(self, ask: SignIn) -> Response:
        """Show the link, open it if there is a browser, and wait for the redirect."""
        pages = [page for page in (ask.url, ask.meanwhile) if page]
        if not all(map(can_be_opened, pages)):
            return Response(0, fault="url", sentence="The sign-in page has no URL that a browser should open.")
        self._states = frozenset(dict(parse_qsl(urlsplit(page).query)).get("state", "") for page in pages)
        self._came = asyncio.get_running_loop().create_future()
        self._tell(ask)
        try:
            if self._open_page is not None:
                for page in pages:
                    await self._open_page(page)
            async with asyncio.timeout(self._wait_seconds):
                return await self._came
        except TimeoutError:
            return Response(0, fault="timeout", sentence=f"Nobody came back within {self._wait_seconds:g} seconds.")
        finally:
            self._came = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a browser, or of anything else that found the port."""
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            expected = self._take(head.decode("latin-1"))
            status, body = ("200 OK", _BACK) if expected else ("404 Not Found", _NOT_HERE)
            writer.write(_answer(status, body))
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _take(self, head: str) -> bool:
        """Accept a redirect that belongs to an open sign-in; return whether it did.

        Attacks: any page can send a browser here, even under its own name (DNS rebinding), but it does not know the
        state.
        """
        request_line, *lines = head.split("\r\n")
        method, _, rest = request_line.partition(" ")
        target = rest.partition(" ")[0]
        hosts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("host:")]
        if method not in {"GET", "POST"} or hosts != [f"127.0.0.1:{self._port}"] or not target.startswith("/"):
            return False
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        if parts.path != _PATH or not ({"code", "error"} & query.keys()) or self._came is None or self._came.done():
            return False
        # A wrong state counts too, but only from the examined server, because it comes with a code or an error.
        if "state" in query and query["state"] not in self._states and not _is_cut(query["state"], self._states):
            return False
        status = _METHOD_KEPT if method == "POST" else _FOUND
        self._came.set_result(Response(status, {"location": f"http://127.0.0.1:{self._port}{target}"}))
        return True


@asynccontextmanager
async def listening(
    tell: Tell, open_page: OpenPage | None = None, *, wait_seconds: float = WAIT_SECONDS
) -> AsyncIterator[Callback]:
    """Listen on a free port of this machine until the block ends."""
    callback: Callback | None = None

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if callback is not None:
            await callback.handle(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=_HEAD_LIMIT_BYTES)
    async with server:
        callback = Callback(server.sockets[0].getsockname()[1], tell, open_page, wait_seconds)
        yield callback


def can_be_opened(url: str) -> bool:
    """Return whether a URL that a server named may be opened in a browser, and printed."""
    return url.isascii() and url.isprintable() and " " not in url and url.startswith(("https://", "http://"))


def _is_cut(state: str, states: frozenset[str]) -> bool:
    return any(whole.startswith(state) for whole in states)


def _answer(status: str, body: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: text/html; charset=utf-8",
        f"content-length: {len(body)}",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "connection: close",
    ]
    return "\r\n".join([*lines, "", body]).encode()

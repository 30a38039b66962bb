"""Which requests may reach the door at all: its `Host` values, the allowed web origins, and CORS.

Owns the defence against DNS rebinding and foreign web pages. Does not know users or credentials. A request that fails
here is refused before anything else of it is read. CORS never allows credentials: the page's own code sets a bearer
token, and cookies are not used here.

Spec: MCP 2025-11-25 basic/transports (security warning), RFC 6454 s7, Fetch s3.2.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from doorward.door.ports import Headers

CLIENT_ORIGINS = (
    "https://claude.ai",
    "https://claude.com",
    "https://chatgpt.com",
    "https://app.mcpmanager.ai",
    "https://vscode.dev",
    "https://insiders.vscode.dev",
)
"""Web clients that people use; allowed by default."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_LOOPBACK_ORIGIN = re.compile(rb"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: *, *[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")

_ALLOWED_HEADERS = (
    b"Authorization, DPoP, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name,"
    b" Last-Event-ID"
)
_EXPOSED = (
    b"access-control-expose-headers",
    b"WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Retry-After, X-Request-Id",
)
_VARY_ORIGIN = (b"vary", b"Origin")
_PREFLIGHT_LIFETIME_SECONDS = b"7200"


class Guard:
    """The checks of one door."""

    def __init__(
        self,
        public_origin: str,
        *,
        listens_on: str,
        allowed_hosts: tuple[str, ...] = (),
        allowed_origins: tuple[str, ...] = (),
    ) -> None:
        public = urlsplit(public_origin)
        public_is_local = (public.hostname or "") in LOOPBACK_NAMES
        self._hosts = frozenset(host.lower().encode() for host in (public.netloc, *allowed_hosts))
        # Behind a proxy on the same machine, Host may be the address that the proxy connects to.
        self._loopback_hosts = public_is_local or listens_on in LOOPBACK_NAMES
        self._loopback_origins = public_is_local
        self._default_port = b"443" if public.scheme == "https" else b"80"
        origins = (public_origin, *CLIENT_ORIGINS, *allowed_origins)
        self._origins = frozenset(origin.lower().rstrip("/").encode() for origin in origins)

    def host_is_allowed(self, host: bytes | None) -> bool:
        """Return whether a request for this `Host` is meant for us."""
        if host is None:
            return False
        return host in self._hosts or self._is_other_spelling(host.lower())

    def _is_other_spelling(self, host: bytes) -> bool:
        if host in self._hosts:
            return True
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name, port = found[1], found[2]
        if self._loopback_hosts and name.decode() in LOOPBACK_NAMES:
            return True
        return port == self._default_port and name in self._hosts

    def origin_is_allowed(self, origin: bytes) -> bool:
        """Return whether a page of this origin may call the door. `null` identifies no origin and is never allowed."""
        origin = origin.lower()
        return origin in self._origins or (self._loopback_origins and _LOOPBACK_ORIGIN.fullmatch(origin) is not None)


def cors_headers(origin: bytes) -> Headers:
    """Return the headers of every response to an allowed origin, errors included."""
    return [(b"access-control-allow-origin", origin), _EXPOSED, _VARY_ORIGIN]


def preflight_headers(origin: bytes | None, requested: bytes | None) -> Headers:
    """Return the headers of the response to OPTIONS. Spec: Fetch s3.2.2 (CORS-preflight request)."""
    allow = (b"allow", b"GET, POST, DELETE, OPTIONS")
    if origin is None:
        return [allow]
    # `Mcp-Param-*` names are not known in advance, so a well-formed request for headers is granted unchanged.
    granted = requested if requested and _HEADER_NAMES.fullmatch(requested) else _ALLOWED_HEADERS
    return [
        allow,
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
        (b"access-control-allow-headers", granted),
        (b"access-control-max-age", _PREFLIGHT_LIFETIME_SECONDS),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    ]

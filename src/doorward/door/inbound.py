"""The request's headers, sorted once: what the door acts on, what the upstream gets, and what is dropped.

Owns header hygiene towards the upstream: it drops credentials, cookies, hop-by-hop headers, and all headers with which
a client could claim an identity or address (`Forwarded`, `X-Forwarded-*`, `X-User`, ...). Headers that state a fact
about the message pass unchanged, such as `Mcp-Param-*`, `traceparent` and `tracestate`.

Spec: RFC 9110 s7.6.1 (connection-specific fields); MCP 2026-07-28 basic/transports (gateways forward `Mcp-Param-*`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

from doorward.door.ports import Headers
from doorward.logs import log

LOGGER = logging.getLogger("doorward.door")
FORWARD: Final = 0
CAPTURE: Final = 1
CAPTURE_AND_FORWARD: Final = 2
DROP: Final = 3

_CAPTURED = (
    b"authorization",
    b"dpop",
    b"host",
    b"origin",
    b"accept",
    b"content-length",
    b"content-encoding",
    b"connection",
    b"expect",
    b"upgrade",
    b"mcp-session-id",
    b"last-event-id",
    b"x-forwarded-for",
    b"access-control-request-headers",
)
_FACTS = (
    *(b"-timezone", b"-time-zone", b"-tz", b"-locale", b"-language", b"-lang", b"-currency", b"-units", b"-theme"),
    *(b"-agent", b"-version"),
)
"""Name endings that never identify a person or place, whatever they start with."""
_LISTS = frozenset(
    {b"accept", b"access-control-request-headers", b"connection", b"content-encoding", b"expect", b"upgrade"}
    | {b"x-forwarded-for"}
)
"""Captured headers that are lists, so that several lines are allowed. Any other may have only one line."""
_CAPTURED_AND_FORWARDED = (b"content-type", b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"traceparent")
_DROPPED = (
    # Connection-specific headers, and framing that each hop creates itself.
    *(b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"http2-settings"),
    # Bodies pass unchanged, never compressed on the way: compression would delay event streams.
    b"accept-encoding",
    # Credentials and browser context; the door has checked the origin already.
    *(b"cookie", b"referer", b"proxy"),
    # Claims about the request's source or sender.
    *(b"forwarded", b"via", b"from", b"true-client-ip", b"cf-connecting-ip", b"fastly-client-ip", b"client-ip"),
    *(b"remote-user", b"remote-addr", b"x-request-id", b"x-http-method-override", b"x-method-override"),
)
_DROPPED_PREFIXES = (
    *(b"x-forwarded", b"x-real-", b"x-client-", b"x-cluster-", b"x-original-", b"x-rewrite-", b"x-envoy-"),
    *(b"x-user", b"x-remote-", b"x-auth-", b"x-authenticated-", b"x-webauth-", b"x-email", b"x-group", b"x-role"),
    *(b"x-principal", b"x-identity", b"x-subject", b"x-account", b"x-tenant", b"x-doorward-"),
    *(b"x-goog-authenticated-", b"x-goog-iap-", b"x-amzn-oidc-", b"x-ms-client-principal", b"x-ssl-", b"ssl-client-"),
    *(b"cf-access-", b"tailscale-user-", b"sec-", b"proxy-", b"access-control-"),
)
DROPPED_NAMES = _DROPPED, _DROPPED_PREFIXES, _FACTS
"""The list in `docs/request-headers.md`."""
_BLANKS = b" \t"
_MOST_LEARNED = 512
_LONGEST_LEARNED = 64
"""Bytes. Results are cached forever, and any client can send a name."""
_CONNECTION_OPTIONS = frozenset({b"keep-alive", b"close", b"upgrade", b"te", b""})
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_of(inbound: Inbound) -> str:
    """Return the caller's trace id, or an empty string if there is none, several, or a malformed one."""
    traceparent = None if b"traceparent" in inbound.doubled else inbound.captured.get(b"traceparent")
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    return found[1].decode("ascii") if found else ""


class Inbound:
    """The sorted headers of one request."""

    __slots__ = ("captured", "doubled", "forwarded")

    def __init__(self) -> None:
        self.forwarded: Headers = []
        """The headers for the upstream, in order of arrival."""
        self.captured: dict[bytes, bytes] = {}
        """The headers that the door reads, by lower-case name, trimmed; the lines of a list are joined."""
        self.doubled: tuple[bytes, ...] = ()
        """Names of repeated captured headers that are not lists: none of their lines may be trusted."""


def is_dropped(name: bytes) -> bool:
    """Return whether a header that the door does not read is kept from the upstream; `name` is in lower case."""
    if name in _DROPPED or b"_" in name:
        # Many servers treat `_` as `-`, so a name with one could alias a header that was already checked.
        return True
    return name.startswith(_DROPPED_PREFIXES) and not name.endswith(_FACTS)


class HeaderSorter:
    """Sorts headers by name. A known name costs one dictionary lookup."""

    def __init__(
        self, token_header: str | None = None, *, forwarded: Iterable[str] = (), replaced: Iterable[bytes] = ()
    ) -> None:
        self._actions: dict[bytes, int] = dict.fromkeys(_CAPTURED, CAPTURE)
        self._actions |= dict.fromkeys(_CAPTURED_AND_FORWARDED, CAPTURE_AND_FORWARD)
        self._actions |= {name.encode("ascii"): FORWARD for name in forwarded}
        self._replaced = frozenset(replaced)
        """Headers that the upstream gets with the operator's values, never with a client's."""
        without = {FORWARD: DROP, CAPTURE_AND_FORWARD: CAPTURE}
        known = {name: self._actions[name] for name in self._replaced & self._actions.keys()}
        self._actions |= {name: without.get(action, action) for name, action in known.items()}
        if token_header is not None:
            self._actions[token_header.lower().encode("ascii")] = CAPTURE
        self._most = len(self._actions) + _MOST_LEARNED

    def sort(self, headers: Iterable[tuple[bytes, bytes]]) -> Inbound:
        """Sort the headers of one request; names are lower case, as ASGI promises."""
        inbound = Inbound()
        forwarded, captured, actions = inbound.forwarded, inbound.captured, self._actions
        for line in headers:
            name = line[0]
            action = actions.get(name)
            if action is None:
                action = self._learn(name)
            if action == FORWARD:
                forwarded.append(line)
            elif action != DROP:
                value = line[1].strip(_BLANKS)
                if name not in captured:
                    captured[name] = value
                elif name in _LISTS:
                    captured[name] += b"," + value
                else:
                    inbound.doubled += (name,)
                if action == CAPTURE_AND_FORWARD:
                    forwarded.append(line)
        if captured.get(b"connection", b"keep-alive") != b"keep-alive":
            _drop_nominated(inbound)
        return inbound

    def _learn(self, name: bytes) -> int:
        action = DROP if is_dropped(name) or name in self._replaced else FORWARD
        if name in _DROPPED or (len(name) <= _LONGEST_LEARNED and len(self._actions) < self._most):
            self._actions[name] = action
            if action == DROP:
                log(LOGGER, logging.DEBUG, "header_dropped", name=name.decode("latin-1"), allow="forward_headers")
        return action


def _drop_nominated(inbound: Inbound) -> None:
    options = {option.strip().lower() for option in inbound.captured[b"connection"].split(b",")} - _CONNECTION_OPTIONS
    if options:
        # The door acts on captured headers, so `Connection` must not remove them.
        inbound.forwarded = [
            line for line in inbound.forwarded if line[0] not in options or line[0] in inbound.captured
        ]

"""The request's header lines, sorted once: what the door acts on, what goes on to the upstream, what neither may see.

Owns the hygiene towards the upstream: credentials, cookies, hop-by-hop headers, and everything with which a stranger
could claim to be someone or somewhere else (`Forwarded`, `X-Forwarded-*`, `X-User`, ...). Headers that merely state a
fact about the message go on unchanged, `Mcp-Param-*`, `traceparent` and `tracestate` among them.

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
"""Endings of names that say nothing about who or where somebody is, whatever they begin with."""
_LISTS = frozenset(
    {b"accept", b"access-control-request-headers", b"connection", b"content-encoding", b"expect", b"upgrade"}
    | {b"x-forwarded-for"}
)
"""Captured headers whose lines are one list, however it is spread. Of any other there may be one line only."""
_CAPTURED_AND_FORWARDED = (b"content-type", b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"traceparent")
_DROPPED = (
    # Connection-specific, or framing that each hop makes for itself.
    *(b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"http2-settings"),
    # Bodies go on as they are, never compressed on the way: a compressed event stream is held back.
    b"accept-encoding",
    # Credentials and the browser's context; the door has judged the origin already.
    *(b"cookie", b"referer", b"proxy"),
    # A claim of where the request came from or who sent it.
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
"""What `docs/request-headers.md` lists."""
_BLANKS = b" \t"
_MOST_LEARNED = 512
_LONGEST_LEARNED = 64
"""Bytes. What is learned is kept for good, and anybody can send a name."""
_CONNECTION_OPTIONS = frozenset({b"keep-alive", b"close", b"upgrade", b"te", b""})
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_of(inbound: Inbound) -> str:
    """Return the trace id that the caller's own log has; an empty string if it sent none, several, or nonsense."""
    traceparent = None if b"traceparent" in inbound.doubled else inbound.captured.get(b"traceparent")
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    return found[1].decode("ascii") if found else ""


class Inbound:
    """What one request's headers amount to."""

    __slots__ = ("captured", "doubled", "forwarded")

    def __init__(self) -> None:
        self.forwarded: Headers = []
        """What the upstream gets, in the order of arrival."""
        self.captured: dict[bytes, bytes] = {}
        """What the door itself reads, by lower-case name, without the blanks around it; the lines of a list joined."""
        self.doubled: tuple[bytes, ...] = ()
        """Names of captured headers that came more than once and are no lists: nobody may go by one of the lines."""


def is_dropped(name: bytes) -> bool:
    """Tell whether a header that the door does not read is kept from the upstream; `name` is in lower case."""
    if name in _DROPPED or b"_" in name:
        # Many servers read `_` as `-`, so a name with one is a second spelling of a header that was judged.
        return True
    return name.startswith(_DROPPED_PREFIXES) and not name.endswith(_FACTS)


class HeaderSorter:
    """Sorts header lines by name. Names met before cost one dictionary look-up each."""

    def __init__(
        self, token_header: str | None = None, *, forwarded: Iterable[str] = (), replaced: Iterable[bytes] = ()
    ) -> None:
        self._actions: dict[bytes, int] = dict.fromkeys(_CAPTURED, CAPTURE)
        self._actions |= dict.fromkeys(_CAPTURED_AND_FORWARDED, CAPTURE_AND_FORWARD)
        self._actions |= {name.encode("ascii"): FORWARD for name in forwarded}
        self._replaced = frozenset(replaced)
        """Names that the upstream gets with the operator's values, and with no client's."""
        without = {FORWARD: DROP, CAPTURE_AND_FORWARD: CAPTURE}
        known = {name: self._actions[name] for name in self._replaced & self._actions.keys()}
        self._actions |= {name: without.get(action, action) for name, action in known.items()}
        if token_header is not None:
            self._actions[token_header.lower().encode("ascii")] = CAPTURE
        self._most = len(self._actions) + _MOST_LEARNED

    def sort(self, headers: Iterable[tuple[bytes, bytes]]) -> Inbound:
        """Sort the lines of one request; names are lower case, as ASGI promises."""
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
        # What the door has captured it has also judged; it is not removed behind the door's back.
        inbound.forwarded = [
            line for line in inbound.forwarded if line[0] not in options or line[0] in inbound.captured
        ]

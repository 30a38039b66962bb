"""Content negotiation: whether a request carries JSON and accepts what an MCP server can send.

Strict about the body, lenient about `Accept`: it is refused only if it admits neither JSON nor an event stream.
Otherwise the upstream gets the full list that the specification requires, because servers refuse wildcards, single
types and a missing header even if they could answer them.

Spec: MCP 2026-07-28 basic/transports; RFC 9110 s8.3, s8.4, s12.5.1.
"""

from __future__ import annotations

from functools import lru_cache

from doorward.door.inbound import Inbound
from doorward.door.replies import Refused

_JSON = b"application/json"
_EVENT_STREAM = b"text/event-stream"
ACCEPT_POST = (b"accept", b"application/json, text/event-stream")
ACCEPT_STREAM = (b"accept", b"text/event-stream")

_ANYTHING = frozenset({b"*/*", b"*"})
_POST_RANGES = _ANYTHING | {_JSON, _EVENT_STREAM, b"application/*", b"text/*"}
_STREAM_RANGES = _ANYTHING | {_EVENT_STREAM, b"text/*"}
_LONGEST_KEPT = 256
"""Bytes. The result for a longer value is not cached, because any client can send one, and it would stay."""
_UTF_8 = frozenset({b"utf-8", b"utf8"})


def check_content(inbound: Inbound) -> None:
    """Refuse a body that is not plain JSON. Raises `Refused` (415)."""
    captured = inbound.captured
    content_type = captured.get(b"content-type", b"")
    judge = _is_json if len(content_type) <= _LONGEST_KEPT else _is_json.__wrapped__
    if content_type != _JSON and not judge(content_type):
        raise Refused(415, "The Content-Type of a request must be application/json.")
    if b"content-type" in inbound.doubled:
        raise Refused(415, "The request carries two Content-Type headers.")
    codings = captured.get(b"content-encoding")
    if codings is not None and {coding.strip().lower() for coding in codings.split(b",")} != {b"identity"}:
        raise Refused(415, "Compressed request bodies are not accepted.")


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charsets = {part[8:].strip(b'"') for part in parameters if part.startswith(b"charset=")}
    return media_type == _JSON and charsets <= _UTF_8


def check_accept(method: str, accept: bytes | None) -> None:
    """Refuse a client that accepts neither JSON nor an event stream. Raises `Refused` (406)."""
    if accept is None or accept == ACCEPT_POST[1]:
        return
    admits = _admits if len(accept) <= _LONGEST_KEPT else _admits.__wrapped__
    if method == "POST" and not admits(accept, _POST_RANGES):
        raise Refused(406, "The client must accept application/json or text/event-stream.")
    if method == "GET" and not admits(accept, _STREAM_RANGES):
        raise Refused(406, "The client must accept text/event-stream; nothing else is served by GET.")


@lru_cache(maxsize=256)
def _admits(accept: bytes, ranges: frozenset[bytes]) -> bool:
    for element in accept.lower().split(b","):
        media_range, *parameters = (part.strip() for part in element.split(b";"))
        if media_range in ranges and not any(_is_zero_weight(part) for part in parameters):
            return True
    return False


def _is_zero_weight(parameter: bytes) -> bool:
    name, _, value = parameter.partition(b"=")
    return name.strip() == b"q" and value.strip().strip(b"0.") == b""

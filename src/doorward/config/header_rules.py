"""Rules for header settings: which headers may hold a token, reach the upstream, or be added for it.

Spec: RFC 9110 s5.1, s5.5, s7.6.1.
"""

from __future__ import annotations

import re

from doorward.config.faults import Fault, shown

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_OWN = re.compile(
    r"host|origin|accept|accept-encoding|expect|forwarded|via|connection|upgrade|te|trailer|keep-alive|last-event-id"
    r"|http2-settings|x-request-id|(content|mcp|x-forwarded|x-doorward|proxy|transfer|sec|access-control)-.*|proxy",
    re.IGNORECASE,
)
"""Headers of the hop or the protocol, and those that Doorward itself sends to the upstream."""
_CREDENTIALS = re.compile(r"authorization|dpop|cookie", re.IGNORECASE)

NO_REQUEST_TO_ADD_TO = Fault(
    "there is no request to add these headers to",
    "Only a target that is a URL gets its own requests; this one is called in this process, or is its child.",
    "Take `upstream_headers` out, or give the server a variable of its own environment.",
)


def token_header(value: str) -> str:
    """Return the name of the header. Raises `Fault` if it already has another use."""
    _check_name(value)
    if _is_credential(value):
        raise Fault(f"{shown(value)} has another meaning in HTTP", "", "Write for example X-API-Key.")
    return value


def forward_headers(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in lower case. Raises `Fault` for a header that must not be forwarded from clients."""
    for name in value:
        _check_name(name)
        if _is_credential(name):
            raise Fault(
                f"{shown(name)} is never forwarded",
                "It holds what clients sign in to this door with; the upstream could use it here.",
                "Give the upstream a credential of its own with `upstream_headers`.",
            )
    return tuple(dict.fromkeys(name.lower() for name in value))


def upstream_headers(value: str) -> str:
    """Check lines `Name: value`, whose values are secret. Raises `Fault`."""
    header_lines(value)
    return value


def header_lines(text: str) -> list[tuple[bytes, bytes]]:
    """Parse lines `Name: value` into headers with lower-case names. Raises `Fault`, without any value."""
    lines: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not _VALUE.fullmatch(value):
            raise Fault(f"line {number} is not a header", "", "Write one header on each line: X-API-Key: VALUE")
        _check_name(name)
        if name.lower() in lines:
            raise Fault(f"{shown(name)} is set twice", "The upstream would read one of them.")
        lines[name.lower()] = value
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in lines.items()]


def _is_credential(name: str) -> bool:
    return _CREDENTIALS.fullmatch(name.replace("_", "-")) is not None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Fault(f"{shown(name)} is not a header name", "", "Write for example X-API-Key.")
    if _OWN.fullmatch(name.replace("_", "-")):
        raise Fault(f"{shown(name)} has another meaning here", "Doorward or this hop of HTTP sets or drops it itself.")

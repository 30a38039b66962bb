"""Private-use schemes of well-known MCP clients, and the callback address under each.

A scheme without a dot belongs to any program that registered it with the operating system. The same scheme also opens
commands of that program: install this server, clone this repository, run this extension. So such a URI is accepted only
at the client's callback address, and without a query.

Implements RFC 8252 s7.1, narrowed. Does not know who registers what.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from doorward.oauth.uris import Uri

_EXTENSION = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+").fullmatch
_COMMANDS_OF_THE_EDITOR = frozenset({"vscode.git"})
"""Extensions that come with the editor and open repositories."""
_CALLBACK_WORDS = frozenset(
    {
        "auth", "authorize", "authorized", "auth-callback", "auth_callback", "callback", "cb", "did-authenticate",
        "mcp-auth", "mcp-callback", "oauth", "oauth-callback", "oauth_callback", "oauth2", "oauth2callback",
        "oauth2redirect", "redirect",
    }
)  # fmt: skip


def _names_a_callback(uri: Uri) -> bool:
    return not _CALLBACK_WORDS.isdisjoint(((uri.host or "").lower(), *uri.path.lower().split("/")))


def _is_of_cursor(uri: Uri) -> bool:
    return uri.host in {"anysphere.cursor-mcp", "anysphere.cursor-retrieval"} and f"{uri.path}/".startswith("/oauth/")


def _is_of_an_extension(uri: Uri) -> bool:
    host = uri.host or ""
    return _EXTENSION(host) is not None and host not in _COMMANDS_OF_THE_EDITOR and _names_a_callback(uri)


_PLACES: dict[str, Callable[[Uri], bool]] = {
    **dict.fromkeys(("cursor", "cursor-nightly"), _is_of_cursor),
    **dict.fromkeys(
        (
            "antigravity", "code-oss", "kiro", "positron", "trae", "vscode", "vscode-insiders", "vscodium", "windsurf",
            "windsurf-next",
        ),
        _is_of_an_extension,
    ),
    **dict.fromkeys(("claude", "goose", "jan", "lmstudio", "msty", "raycast", "warp", "zed"), _names_a_callback),
}  # fmt: skip

KNOWN_CLIENT_SCHEMES = frozenset(_PLACES)
"""Schemes without a dot that installed MCP clients register with the operating system."""


def is_callback_of_known_client(uri: Uri) -> bool:
    """Return whether a URI is the callback address of a well-known installed client."""
    place = _PLACES.get(uri.scheme)
    return place is not None and uri.query is None and uri.port is None and place(uri)

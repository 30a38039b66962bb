"""What may be shown: a server's text without escapes and without secrets.

Attacks: a hostile server that writes to the user's terminal; reports pasted into public threads. A secret is recognised
by its name, its scheme or its own shape. The runner also removes the secrets that it knows.
"""

from __future__ import annotations

import re

from doorward.secret_shapes import JWT_PATTERN, SECRET_PATTERN

LINE_LIMIT_CHARS = 600
_LOOKED_AT_CHARS = 8192
"""Longer text is cut before the search: a quarter of a megabyte of partial secrets took minutes."""
_NAMES = (
    "client_secret|access_token|refresh_token|registration_access_token|id_token|device_code|user_code|code"
    "|password|passwd|code_verifier|client_assertion|assertion|subject_token|actor_token|api_?key|session_?id"
)
_HEADERS = "x-api-key|api-key|mcp-session-id|cookie|set-cookie"
# The value ends with its encoding: in JSON at the quote (which may itself be escaped), in a form at the `&`.
_SECRETS = re.compile(
    rf"(?i)((?:(?<![a-z])|(?<=%3F|%26))(?:(?:{_NAMES})(?:\\*[\"']\s*:\s*\\*[\"']|=\\*[\"']?|%3D)|(?:{_HEADERS}):\s+))"
    r"((?:(?!\\*[\"']|&|%26|\s).)+)"
)
_SCHEMES = re.compile(r"(?i)\b(bearer|basic|dpop)\s+(?!realm|resource_metadata|error|scope)([A-Za-z0-9._~+/-]{12,}=*)")
_SHAPES = re.compile(
    rf"{JWT_PATTERN}|{SECRET_PATTERN}"
    r"|\b(?:gh[pousr]|github_pat|glpat|xox[abprs]|sk|rk|pk)[_-][A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
)


def shown(text: str) -> str:
    """Return one line that is safe to print and to paste."""
    text = _SECRETS.sub(r"\1***", text[:_LOOKED_AT_CHARS])
    text = _SCHEMES.sub(r"\1 ***", text)
    text = _SHAPES.sub("***", text)
    plain = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return plain if len(plain) <= LINE_LIMIT_CHARS else plain[:LINE_LIMIT_CHARS] + "..."

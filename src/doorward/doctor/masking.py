"""What may be shown: text of a stranger without escapes, and without secrets.

Attacks: a hostile server that writes to the terminal of whoever checks it; reports that are pasted into public threads.
"""

from __future__ import annotations

import re

LINE_LIMIT_CHARS = 600
_SECRETS = re.compile(
    r"(?i)((?:client_secret|access_token|refresh_token|registration_access_token|id_token|code|password|code_verifier)"
    r"(?:\"\s*:\s*\"|=))([^\"&\s]+)"
)
_SCHEMES = re.compile(r"(?i)\b(bearer|basic|dpop)\s+(?!realm|resource_metadata|error|scope)([A-Za-z0-9._~+/-]{12,}=*)")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


def shown(text: str) -> str:
    """Return one line that is safe to print and to paste."""
    text = _SECRETS.sub(r"\1***", text)
    text = _SCHEMES.sub(r"\1 ***", text)
    text = _JWT.sub("***", text)
    plain = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return plain if len(plain) <= LINE_LIMIT_CHARS else plain[:LINE_LIMIT_CHARS] + "..."

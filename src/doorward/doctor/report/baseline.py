"""What one examination stores for a later one, as a file that people may read and commit.

Holds only public documents. Does not know what is compared, or when.
"""

from __future__ import annotations

import json
from typing import Any

from doorward import strict_json

VERSION = 1


class NotABaseline(ValueError):
    """The file has another format, or is from another server. The message says which."""


def as_text(url: str, remembered: dict[str, Any]) -> str:
    """Return the file's content."""
    return json.dumps({"version": VERSION, "url": url} | remembered, indent=1, sort_keys=True) + "\n"


def read(text: bytes, url: str) -> dict[str, Any]:
    """Read the baseline of this server.

    Raises:
        NotABaseline: it is not a baseline, or from another URL.
    """
    try:
        found = strict_json.decode(text)
    except strict_json.InvalidJson as error:
        raise NotABaseline(f"It is not JSON. {error}") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise NotABaseline("It was not written by this command.")
    if found.get("url") != url:
        raise NotABaseline(f"It is of another URL: {found.get('url')}")
    return found

"""URLs from a server's responses, split and joined without ever raising an exception.

The standard library raises on some strings (`http://[`, a port of nine digits), which every check would have to handle.
Here such a string becomes an empty URL, which no comparison accepts.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import SplitResult
from urllib.parse import urljoin as _urljoin
from urllib.parse import urlsplit as _urlsplit

_NOTHING = SplitResult("", "", "", "", "")


def urlsplit(url: str) -> SplitResult:
    """Return the parts of a URL; empty ones if it can't be parsed."""
    with suppress(ValueError):
        parts = _urlsplit(url)
        # The port is parsed lazily, so the error would come later.
        _ = parts.port
        return parts
    return _NOTHING


def urljoin(here: str, location: str) -> str:
    """Return where a location leads from here; empty if it can't be parsed."""
    with suppress(ValueError):
        return _urljoin(here, location)
    return ""

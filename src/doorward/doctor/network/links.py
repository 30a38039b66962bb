"""URLs out of a stranger's answers, taken apart and joined: never an exception, whatever they hold.

The standard library refuses some texts (`http://[`, a port of nine digits) with an error that a check would have to
think of each time. Here such a text is a URL with nothing in it, which no comparison takes for a good one.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import SplitResult
from urllib.parse import urljoin as _urljoin
from urllib.parse import urlsplit as _urlsplit

_NOTHING = SplitResult("", "", "", "", "")


def urlsplit(url: str) -> SplitResult:
    """Return the parts of a URL; empty ones when it cannot be taken apart."""
    with suppress(ValueError):
        parts = _urlsplit(url)
        # Only looked at when asked for, so the error would come later.
        _ = parts.port
        return parts
    return _NOTHING


def urljoin(here: str, location: str) -> str:
    """Return where a location leads from here; empty when that cannot be told."""
    with suppress(ValueError):
        return _urljoin(here, location)
    return ""

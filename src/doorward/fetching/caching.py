"""How long a fetched document stays fresh: its headers decide, within our limits.

Spec: RFC 9111 s4.2, s5.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LEAST_SECONDS = 30
MOST_SECONDS = 24 * 3600
UNSAID_SECONDS = 600

_MAX_AGE = re.compile(r'(?:^|,)\s*max-age\s*=\s*"?(\d{1,10})"?\s*(?:,|$)', re.IGNORECASE).search
_NOT_AT_ALL = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)\b", re.IGNORECASE).search


def fresh_seconds(headers: Mapping[str, str], *, most: int = MOST_SECONDS) -> int:
    """Return how long a response with these headers stays fresh, in seconds: at least 30, at most `most`.

    `no-store` gets the minimum: fetching again for each request would make this server an amplifier.
    """
    control = headers.get("cache-control", "")
    if _NOT_AT_ALL(control):
        return LEAST_SECONDS
    found = _MAX_AGE(control)
    age = headers.get("age", "0")
    seconds = int(found[1]) - (int(age[:10]) if age.isdecimal() else 0) if found else UNSAID_SECONDS
    return max(LEAST_SECONDS, min(seconds, most))

"""How a bad value is described: quoted safely, with what was probably meant. Every fault becomes a `Problem`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_SHOWN_CHARACTERS = 80
_USERINFO = re.compile(r"//[^/@\s]*@")


class Fault(ValueError):
    """One value cannot be used. Its place is added by whoever knows where the value came from."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what = what
        self.why = why
        self.fix = fix
        super().__init__(what)


def shown(value: object) -> str:
    """Quote a value for a message: no control characters, no credentials of a URL, not too long."""
    text = without_credentials(value if isinstance(value, str) else json.dumps(value, default=str))
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(text, ensure_ascii=not text.isprintable()) if isinstance(value, str) else text


def without_credentials(text: str) -> str:
    """Mask user and password in the URLs of a text."""
    return _USERINFO.sub("//***@", text)


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    import difflib

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None

"""Describes bad values: quoted safely, with a suggestion. Every fault becomes a `Problem`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from doorward.secret_shapes import mask_urls

_SHOWN_CHARACTERS = 80


class Fault(ValueError):
    """One value cannot be used. The caller knows where the value came from, and adds that."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what = what
        self.why = why
        self.fix = fix
        super().__init__(what)


def shown(value: object) -> str:
    """Quote a value for a message, without control characters or URL credentials, and cut to a length."""
    text = mask_urls(value if isinstance(value, str) else json.dumps(value, default=str))
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(text, ensure_ascii=not text.isprintable()) if isinstance(value, str) else text


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant."""
    import difflib

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None

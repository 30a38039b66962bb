"""The one JSON decoder for bytes that a stranger sent.

Two parsers that disagree about one text are an attack (CVE-2026-27896): whatever this decoder accepts
has one reading. It refuses doubled keys, a byte order mark, encodings other than UTF-8, NaN and
Infinity, lone surrogates, integers beyond 4,300 digits and nesting that would exhaust the stack. It also refuses a
body that is nothing but structure: a million empty lists fit where a long text fits, and cost thirty times as much.

Spec: RFC 8259 s4, s8.1; RFC 7493 s2 (I-JSON).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

MARKS_LIMIT = 400_000
"""So many brackets, commas and colons may stand outside strings: four mebibytes of numbers with eight digits pass."""

_MARKS = "[{,:"


class InvalidJson(ValueError):
    """The text is not one unambiguous JSON value. The message is safe to show to the sender."""


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Decode one JSON value.

    Raises:
        InvalidJson: with a sentence that says what was wrong.
    """
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8 (byte {error.start}).") from None
    if len(text) > MARKS_LIMIT:
        _refuse_mere_structure(text)
    try:
        value = _DECODER.decode(text)
    except InvalidJson:
        raise
    except RecursionError:
        raise InvalidJson("The JSON is nested too deeply.") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"
        raise InvalidJson(f"The body is not valid JSON: {reason}.") from None
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(value)
    return value


def _refuse_mere_structure(text: str) -> None:
    """Count what makes decoding slow, without decoding. Texts with many marks of their own are told from structure."""
    if _count_marks(text) <= MARKS_LIMIT:
        return
    # Without its escapes a text has a quote exactly where a string begins or ends.
    plain = text.replace("\\\\", "").replace('\\"', "")
    # Between two strings stands a mark, so more quotes than this cannot be valid, and need not be split at.
    if plain.count('"') > 2 * (MARKS_LIMIT + 1) or _count_marks("".join(plain.split('"')[::2])) > MARKS_LIMIT:
        raise InvalidJson(f"The JSON holds more than {MARKS_LIMIT} brackets, commas and colons.")


def _count_marks(text: str) -> int:
    return sum(map(text.count, _MARKS))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJson("The JSON names the same key twice in one object.")
    return result


def _constant(name: str) -> NoReturn:
    raise InvalidJson(f"The JSON holds {name}, which is not a JSON value.")


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise InvalidJson("The JSON holds half of a surrogate pair.") from None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)

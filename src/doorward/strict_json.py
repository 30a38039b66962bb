"""The only JSON decoder for bytes from clients and other servers.

Two parsers that disagree about one text are an attack (CVE-2026-27896): everything that this decoder accepts has only
one reading. It refuses duplicate keys, a byte order mark, encodings other than UTF-8, NaN and Infinity. It also refuses
lone surrogates, integers beyond 4,300 digits and nesting that would exhaust the stack, and a body that is nothing but
structure: a million empty lists are as small as a long string, and cost thirty times as much.

Spec: RFC 8259 s4, s8.1; RFC 7493 s2 (I-JSON).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

MARKS_LIMIT = 400_000
"""The most brackets, commas and colons outside strings: four mebibytes of eight-digit numbers pass."""

_MARKS = "[{,:"


class InvalidJson(ValueError):
    """The bytes are not one unambiguous JSON value. The message is safe to show to the sender."""


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Decode one JSON value.

    Raises:
        InvalidJson: the message says what is wrong.
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
    """Count what makes decoding slow, without decoding. Marks inside strings do not count."""
    if _count_marks(text) <= MARKS_LIMIT:
        return
    # Without escapes, a text has a quote exactly where a string begins or ends.
    plain = text.replace("\\\\", "").replace('\\"', "")
    # Two strings are always separated by a mark. So more quotes than this cannot be valid, and need no split.
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

"""Request parameters: one strict parser for form bodies and query strings, and the scope grammar.

Two parsers that disagree are an attack. So a repeated name is never resolved by position, and a broken escape or bytes
that are not UTF-8 are refused. Empty values count as absent.

Implements RFC 6749 s3.1, s3.2, s3.3 and appendices A and B. Does not know which parameters an endpoint wants.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from doorward.oauth.errors import InvalidRequest, InvalidScope, Reason

BODY_LIMIT_BYTES = 64 * 1024
SCOPES_LIMIT = 100

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+").fullmatch


class Parameters(dict[str, str]):
    """The parameters of a query that were sent once; the names of repeated ones are in `repeated`.

    A repeated parameter that concerns the redirect target is a local error. Any other is an error that the client gets.
    Only the authorization endpoint can know which, so the parser does not decide.
    """

    def __init__(self, values: dict[str, str], repeated: frozenset[str]) -> None:
        super().__init__(values)
        self.repeated = repeated


def parse_form(body: bytes) -> dict[str, str]:
    """Parse an `application/x-www-form-urlencoded` body.

    Raises:
        InvalidRequest: too large, not UTF-8, a broken escape, a control character, or a repeated parameter.

    Spec: RFC 6749 s3.2, B
    """
    values, repeated = _read(body)
    if repeated:
        raise InvalidRequest("A parameter was sent more than once. Send each once.", Reason.REPEATED_PARAMETER)
    return values


def parse_query(query_string: bytes) -> Parameters:
    """Parse a query string; repeated parameters are left out and named in `repeated`.

    Raises:
        InvalidRequest: too large, not UTF-8, a broken escape or a control character.

    Spec: RFC 6749 s3.1, B
    """
    values, repeated = _read(query_string)
    return Parameters(values, repeated)


def parse_scope(scope: str | None) -> tuple[str, ...]:
    """Split the wire string into unique scopes, in the order given; an absent or blank string gives none.

    Raises:
        InvalidScope: a character outside the grammar, or too many scopes.

    Spec: RFC 6749 s3.3
    """
    scopes = tuple(dict.fromkeys(part for part in (scope or "").split(" ") if part))
    if len(scopes) > SCOPES_LIMIT:
        raise InvalidScope(f"More than {SCOPES_LIMIT} scopes were asked for.", Reason.MALFORMED_SCOPE)
    if not all(map(_SCOPE_TOKEN, scopes)):
        raise InvalidScope("The scope holds a character that scopes cannot have.", Reason.MALFORMED_SCOPE)
    return scopes


def form_decode(data: bytes) -> str:
    """Decode one form-encoded name or value.

    Raises:
        InvalidRequest: not UTF-8, a broken escape or a control character.
    """
    if _BROKEN_ESCAPE.search(data):
        raise InvalidRequest("A percent sign is not followed by two hex digits.", Reason.MALFORMED_REQUEST)
    try:
        text = unquote_to_bytes(data.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The parameters are not UTF-8.", Reason.MALFORMED_REQUEST) from None
    if _CONTROL.search(text):
        raise InvalidRequest("A parameter holds a control character.", Reason.MALFORMED_REQUEST)
    return text


def _read(data: bytes) -> tuple[dict[str, str], frozenset[str]]:
    if len(data) > BODY_LIMIT_BYTES:
        raise InvalidRequest(f"The parameters are larger than {BODY_LIMIT_BYTES} bytes.", Reason.TOO_LARGE)
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for pair in data.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        decoded = form_decode(name)
        if decoded in values:
            repeated.add(decoded)
        values[decoded] = form_decode(value)
    kept = {name: value for name, value in values.items() if value and name not in repeated}
    return kept, frozenset(repeated)

"""Proof Key for Code Exchange: `S256` and nothing else, from every client.

Implements RFC 7636 s4.2 to s4.6. `plain` is not served: an attacker who sees the request then has the verifier.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest

from doorward import base64url
from doorward.oauth.errors import InvalidRequest, Reason

# The grammar allows 43 to 128 characters, but base64url of a SHA-256 always has 43; any other could never be verified.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}").fullmatch


def check_challenge(challenge: str | None, method: str | None) -> None:
    """Accept a challenge that a verifier can match later.

    Raises:
        InvalidRequest: no challenge, a method other than `S256` (absent means `plain`), or not a SHA-256.

    Spec: RFC 7636 s4.3, s4.4.1
    """
    if challenge is None:
        raise InvalidRequest("code_challenge is missing: PKCE is required.", Reason.MISSING_PARAMETER)
    if method != "S256":
        raise InvalidRequest("code_challenge_method must be S256.", Reason.CHALLENGE_METHOD)
    if not _CHALLENGE(challenge):
        raise InvalidRequest("code_challenge is not the base64url of a SHA-256.", Reason.MALFORMED_CHALLENGE)


def is_verifier(verifier: str) -> bool:
    """Return whether the string has the grammar of a verifier. Spec: RFC 7636 s4.1."""
    return _VERIFIER(verifier) is not None


def verify(challenge: str, verifier: str) -> bool:
    """Return whether the challenge was made from this verifier, in constant time.

    Spec: RFC 7636 s4.6
    """
    if not is_verifier(verifier):
        return False
    expected = base64url.encode(sha256(verifier.encode()).digest()).encode()
    return compare_digest(expected, challenge.encode())

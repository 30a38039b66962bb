"""base64url without padding: how JOSE, PKCE and our opaque values encode bytes. Implements RFC 7515 s2."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Return the canonical encoding of the bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the decoded bytes; none if the string is empty or not canonical."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    # Unused bits would otherwise allow two encodings of one signature.
    return data if encode(data) == text else b""

"""base64url without padding: how JOSE, PKCE and our own opaque values spell bytes. Implements RFC 7515 s2."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """Return the one spelling of the bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes that the text spells; none when it is empty, or not their one spelling."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    # Unused bits could make two texts of one signature.
    return data if encode(data) == text else b""

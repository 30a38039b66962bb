"""The format of our secrets: a prefix that scanners can find, 256 random bits, and a checksum.

`prefix + base64url(random[32] + crc32(prefix + random))`, 52 characters. The checksum rejects garbage without a store
read, and lets a secret scanner tell a real leak from noise; it proves nothing.

Does not know where randomness comes from, nor what a secret is for.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from binascii import a2b_base64, crc32
from hashlib import sha256

from doorward.secret_shapes import ACCESS_TOKEN as ACCESS_TOKEN  # noqa: PLC0414  (mypy reads this spelling as a re-export)
from doorward.secret_shapes import CLIENT_SECRET as CLIENT_SECRET  # noqa: PLC0414
from doorward.secret_shapes import CODE as CODE  # noqa: PLC0414
from doorward.secret_shapes import DEVICE_CODE as DEVICE_CODE  # noqa: PLC0414
from doorward.secret_shapes import HEADER_TOKEN as HEADER_TOKEN  # noqa: PLC0414
from doorward.secret_shapes import PREFIXES as PREFIXES  # noqa: PLC0414
from doorward.secret_shapes import REFRESH_TOKEN as REFRESH_TOKEN  # noqa: PLC0414
from doorward.secret_shapes import REGISTRATION_ACCESS_TOKEN as REGISTRATION_ACCESS_TOKEN  # noqa: PLC0414

RANDOM_BYTES = 32

_BODY = re.compile(r"[A-Za-z0-9_-]{48}").fullmatch
_STANDARD = str.maketrans("-_", "+/")


def mint(prefix: str, random: bytes) -> str:
    """Encode 32 random bytes as a secret of the kind that `prefix` names."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"A secret is made of {RANDOM_BYTES} random bytes, not {len(random)}.")
    checksum = crc32(random, crc32(prefix.encode()))
    return prefix + urlsafe_b64encode(random + checksum.to_bytes(4, "big")).decode()


def is_well_formed(value: str, prefix: str) -> bool:
    """Return whether `value` could have been minted here with that prefix."""
    if not value.startswith(prefix):
        return False
    body = value[len(prefix) :]
    if _BODY(body) is None:
        return False
    data = a2b_base64(body.translate(_STANDARD))
    return crc32(data[:RANDOM_BYTES], crc32(prefix.encode())) == int.from_bytes(data[RANDOM_BYTES:], "big")


def digest(value: str) -> str:
    """Return the SHA-256 under which a secret is stored. No salt: 256 random bits cannot be guessed."""
    return sha256(value.encode()).hexdigest()

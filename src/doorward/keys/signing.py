"""JWTs signed with the current key of the ring.

Spec: RFC 7515 s3.1, RFC 7518 s3.4, RFC 8725 s3.11 (`typ` keeps one kind of JWT from passing for another).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from doorward.keys.ring import Keys, SigningKey

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

ALGORITHM = "ES256"


class JwtSigner:
    """Signs for one installation. It looks the key up each time, so that a rotation takes effect at once."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._ready: tuple[str, ECKey] | None = None
        """The key id, and the key in the library's form."""

    def __call__(self, claims: dict[str, object], *, header_type: str) -> str:
        """Return the compact serialization of a JWT whose `typ` is `header_type`."""
        # Imported late: an installation without JWTs never loads it.
        from joserfc import jwt

        kid, key = self._current(self._keys.signing[0])
        header = {"typ": header_type, "alg": ALGORITHM, "kid": kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def _current(self, signing: SigningKey) -> tuple[str, ECKey]:
        if self._ready is None or self._ready[0] != signing.kid:
            from joserfc.jwk import ECKey

            pem = signing.private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self._ready = signing.kid, ECKey.import_key(pem)
        return self._ready

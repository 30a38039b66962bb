"""Authenticated encryption of values that only Doorward may read or change, stored or handed out.

A sealed value is `01 | key id (4 bytes) | nonce (12) | ciphertext and tag`. Each purpose has its own key, derived by
HKDF from the key of that id, so a value sealed for one purpose never opens for another. Does not know files.

Spec: NIST SP 800-38D (AES-GCM), RFC 5869 (HKDF)
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.clock import Entropy

_FORMAT = b"\x01"
KEY_ID_BYTES = 4
_HEADER = 1 + KEY_ID_BYTES
_NONCE = 12
_TAG = 16


class Sealer:
    """Seals and unseals for one purpose, with the current key; older keys still open what they sealed."""

    def __init__(self, purpose: str, current: bytes, keys: Mapping[bytes, bytes], entropy: Entropy) -> None:
        self._purpose = purpose
        self._random_bytes = entropy.random_bytes
        self.use(current, keys)

    def use(self, current: bytes, keys: Mapping[bytes, bytes]) -> None:
        """Switch to these keys; `current` seals from now on."""
        self._ciphers = {_FORMAT + key_id: AESGCM(_subkey(key, self._purpose)) for key_id, key in keys.items()}
        self._header = _FORMAT + current
        self._cipher = self._ciphers[self._header]

    @staticmethod
    def key_id(sealed: bytes) -> bytes:
        """Return the key id in a sealed value."""
        return sealed[len(_FORMAT) : _HEADER]

    def knows(self, key_id: bytes) -> bool:
        """Return whether this sealer has the key with this id."""
        return _FORMAT + key_id in self._ciphers

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """Encrypt; only the same context (owner and purpose of the value) opens it again."""
        header = self._header
        nonce = self._random_bytes(_NONCE)
        return header + nonce + self._cipher.encrypt(nonce, plain, header + context)

    def unseal(self, sealed: bytes, context: bytes = b"") -> bytes | None:
        """Return the plain bytes, or None for anything that was not sealed for this purpose and context."""
        header = sealed[:_HEADER]
        cipher = self._ciphers.get(header)
        if cipher is None or len(sealed) < _HEADER + _NONCE + _TAG:
            return None
        try:
            return cipher.decrypt(sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :], header + context)
        except InvalidTag:
            return None


def _subkey(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"doorward seal 1\x00" + purpose.encode()).derive(key)

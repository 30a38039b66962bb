"""The key ring: encryption keys for sealed values and signing keys for JWTs, in one file beside the database.

The file is written once, whole, by whichever process starts first, and is as secret as a password: without it sealed
values cannot be opened, and with it they can. A missing file next to an existing database is therefore an error, not
a reason to make new keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.clock import Clock, Entropy
from doorward.errors import Problem, StartError
from doorward.storage.opening import DEFAULT_FILE
from doorward.storage.private_files import create_once, open_data_directory, start_error, tighten
from doorward.storage.sealing import KEY_ID_BYTES, Sealer

KEY_FILE = "keys.json"
_FORMAT = 1
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key from which each purpose derives its own."""

    kid: str
    created_at: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key for ES256; its `kid` is the thumbprint of the public key. Spec: RFC 7518 s3.4, RFC 7638 s3."""

    kid: str
    created_at: int
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    def public_jwk(self) -> dict[str, str]:
        """Return the public half as it stands in a JWK set."""
        return {**_public_members(self.private_key), "kid": self.kid, "use": "sig", "alg": "ES256"}


class Keys:
    """All keys; the first of each kind is the current one, the others still open and verify what they made."""

    def __init__(
        self, encryption: tuple[EncryptionKey, ...], signing: tuple[SigningKey, ...], entropy: Entropy
    ) -> None:
        self.encryption = encryption
        self.signing = signing
        self._entropy = entropy
        self._sealers: dict[str, Sealer] = {}

    def sealer(self, purpose: str) -> Sealer:
        """Return the sealer of a purpose; a purpose never opens what another one sealed."""
        if purpose not in self._sealers:
            secrets = {bytes.fromhex(key.kid): key.secret for key in self.encryption}
            self._sealers[purpose] = Sealer(purpose, next(iter(secrets)), secrets, self._entropy)
        return self._sealers[purpose]

    @classmethod
    def load(cls, data_dir: Path, clock: Clock, entropy: Entropy, *, database: Path | None = None) -> Keys:
        """Load the key ring of the data directory, making both at the first start. Call it before the store is opened.

        `database` is the file whose sealed values need these keys, where it is not the default one.

        Raises:
            StartError: the directory or the key file cannot be used, or the key file is lost.
        """
        open_data_directory(data_dir)
        path = data_dir / KEY_FILE
        # Looked at first: another process that starts now writes its keys before its database.
        database = database or data_dir / DEFAULT_FILE
        had_database = database.is_file() and database.stat().st_size > 0
        content = _read(path)
        if content is None:
            if had_database:
                raise _lost(path, database)
            create_once(path, _new_key_file(clock.now(), entropy))
            content = path.read_bytes()
        return _parse(path, content, entropy)


class _EncryptionEntry(msgspec.Struct, frozen=True):
    kid: str
    created_at: int
    key: str


class _SigningEntry(msgspec.Struct, frozen=True):
    kid: str
    created_at: int
    private_key: str


class _KeyFile(msgspec.Struct, frozen=True):
    format: int
    encryption: list[_EncryptionEntry]
    signing: list[_SigningEntry]


class _Format(msgspec.Struct, frozen=True):
    format: int


def _read(path: Path) -> bytes | None:
    tighten(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise start_error(f"The key file {path} cannot be read", error) from error


def _new_key_file(now: int, entropy: Entropy) -> bytes:
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = _KeyFile(
        format=_FORMAT,
        encryption=[
            _EncryptionEntry(
                kid=entropy.random_bytes(KEY_ID_BYTES).hex(),
                created_at=now,
                key=base64.b64encode(entropy.random_bytes(_KEY_BYTES)).decode(),
            )
        ],
        signing=[_SigningEntry(kid=_thumbprint(private_key), created_at=now, private_key=pem.decode())],
    )
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _parse(path: Path, content: bytes, entropy: Entropy) -> Keys:
    try:
        if msgspec.json.decode(content, type=_Format).format != _FORMAT:
            raise _newer(path)
        entries = msgspec.json.decode(content, type=_KeyFile)
        encryption = tuple(_encryption_key(each) for each in entries.encryption)
        signing = tuple(_signing_key(each) for each in entries.signing)
    except (ValueError, TypeError) as error:
        # No detail of the error: it could quote the secret.
        raise _damaged(path) from error
    if not encryption or not signing:
        raise _damaged(path)
    return Keys(encryption, signing, entropy)


def _encryption_key(entry: _EncryptionEntry) -> EncryptionKey:
    secret = base64.b64decode(entry.key, validate=True)
    if len(secret) != _KEY_BYTES or len(binascii.unhexlify(entry.kid)) != KEY_ID_BYTES:
        raise ValueError("wrong length")
    return EncryptionKey(entry.kid, entry.created_at, secret)


def _signing_key(entry: _SigningEntry) -> SigningKey:
    private_key = serialization.load_pem_private_key(entry.private_key.encode(), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or not isinstance(private_key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 key")
    return SigningKey(entry.kid, entry.created_at, private_key)


def _public_members(private_key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = private_key.public_key().public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": _base64url(numbers.x), "y": _base64url(numbers.y)}


def _base64url(coordinate: int) -> str:
    return base64.urlsafe_b64encode(coordinate.to_bytes(32, "big")).rstrip(b"=").decode()


def _thumbprint(private_key: ec.EllipticCurvePrivateKey) -> str:
    members = json.dumps(_public_members(private_key), separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(members).digest()).rstrip(b"=").decode()


def _lost(path: Path, database: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} is missing, but the database {database} exists.",
            why="Without its keys, what the database holds encrypted can never be read again.",
            fix="Restore the key file from a backup. To start anew, move the database away as well.",
        )
    )


def _damaged(path: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} is damaged, or not a key file.",
            why="New keys are never made over old ones: what those encrypted would be lost.",
            fix="Restore the file from a backup. To start anew, move it and the database away.",
        )
    )


def _newer(path: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} was written by a newer Doorward.",
            why="This version would not understand all of its keys.",
            fix="Upgrade Doorward, or restore a backup made before the upgrade.",
        )
    )

"""The master key: the one secret outside the database, under which all keys in it are encrypted.

It is a setting, or a file in the data directory that the first process to start writes once, in one piece. Protect it
like a password: it decrypts every key in the database, and without it none can be decrypted.

A file of the first format holds the keys themselves. It stays readable forever and is never rewritten: the master key
is derived from it, so that the program version that wrote it still works.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.clock import Entropy
from doorward.errors import Problem, StartError
from doorward.keys.sealing import KEY_ID_BYTES, Sealer
from doorward.records.keys import KeyUse
from doorward.storage.private_files import create_once, start_error, tighten

KEY_FILE = "keys.json"
MASTER_KEY_BYTES = 32
_KEYS_FORMAT = 1
_MASTER_FORMAT = 2


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key from a file of the first format; `secret` is 32 bytes, or a private key in PKCS #8."""

    kid: str
    use: KeyUse
    created_at: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The master key, its source, and the keys that its file held."""

    secret: bytes = field(repr=False)
    source: str
    old_keys: tuple[OldKey, ...] = ()
    """The current key of each use comes first."""

    def sealer(self, entropy: Entropy) -> Sealer:
        """Return the sealer that encrypts keys for the database. Its key id identifies the master key."""
        key_id = hashlib.sha256(b"doorward master key\x00" + self.secret).digest()[:KEY_ID_BYTES]
        return Sealer("key ring", key_id, {key_id: self.secret}, entropy)


def read_master_key(setting: str | None, data_dir: Path) -> MasterKey | None:
    """Return the master key from the setting, else from the file; None if neither exists.

    Raises:
        StartError: the file cannot be read, is damaged, or was written by a newer version.
    """
    path = data_dir / KEY_FILE
    content = _read(path)
    found = None if content is None else _parse(path, content)
    if setting is None:
        return found
    return MasterKey(_bytes32(setting), "the setting `master_key`", found.old_keys if found else ())


def make_master_key(data_dir: Path, entropy: Entropy) -> MasterKey:
    """Write a key file, or return what another process has just written.

    Raises:
        StartError: the directory cannot be written.
    """
    path = data_dir / KEY_FILE
    secret = base64.b64encode(entropy.random_bytes(MASTER_KEY_BYTES)).decode()
    made = msgspec.json.encode(_MasterFile(format=_MASTER_FORMAT, master_key=secret))
    create_once(path, msgspec.json.format(made, indent=2) + b"\n")
    return _parse(path, path.read_bytes())


class _Format(msgspec.Struct, frozen=True):
    format: int


class _MasterFile(msgspec.Struct, frozen=True):
    format: int
    master_key: str


class _EncryptionEntry(msgspec.Struct, frozen=True):
    kid: str
    created_at: int
    key: str


class _SigningEntry(msgspec.Struct, frozen=True):
    kid: str
    created_at: int
    private_key: str


class _KeysFile(msgspec.Struct, frozen=True):
    format: int
    encryption: list[_EncryptionEntry]
    signing: list[_SigningEntry]


def _read(path: Path) -> bytes | None:
    tighten(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise start_error(f"The key file {path} cannot be read", error) from error


def _parse(path: Path, content: bytes) -> MasterKey:
    try:
        match msgspec.json.decode(content, type=_Format).format:
            case 1:
                secret, old_keys = _first_format(msgspec.json.decode(content, type=_KeysFile))
            case 2:
                secret, old_keys = _bytes32(msgspec.json.decode(content, type=_MasterFile).master_key), ()
            case _:
                raise _newer(path)
    except (ValueError, TypeError) as error:
        # Leave out the error's detail: it could quote the secret.
        raise _damaged(path) from error
    return MasterKey(secret, f"the key file {path}", old_keys)


def _first_format(content: _KeysFile) -> tuple[bytes, tuple[OldKey, ...]]:
    encryption = [OldKey(each.kid, "encryption", each.created_at, _bytes32(each.key)) for each in content.encryption]
    signing = [OldKey(each.kid, "signing", each.created_at, _pkcs8(each.private_key)) for each in content.signing]
    if not encryption or not signing or any(len(binascii.unhexlify(key.kid)) != KEY_ID_BYTES for key in encryption):
        raise ValueError("no key, or one with a wrong id")
    return hashlib.sha256(b"doorward master key of format 1\x00" + encryption[-1].secret).digest(), (
        *encryption,
        *signing,
    )


def _bytes32(text: str) -> bytes:
    secret = base64.b64decode(text, validate=True)
    if len(secret) != MASTER_KEY_BYTES:
        raise ValueError("wrong length")
    return secret


def _pkcs8(pem: str) -> bytes:
    private_key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or not isinstance(private_key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 key")
    return private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _damaged(path: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} is damaged, or not a key file.",
            why="New keys are never made over old ones: what those encrypted would be lost.",
            fix="Restore the file from a backup. To start over, move it and the database away.",
        )
    )


def _newer(path: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} was written by a newer Doorward.",
            why="This version would not understand it.",
            fix="Upgrade Doorward, or restore a backup made before the upgrade.",
        )
    )

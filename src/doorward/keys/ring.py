"""The key ring: encryption keys for sealed values and signing keys for JWTs, shared by all nodes through the store.

Keys are records, encrypted under the master key (`master_key.py`). Every process holds them in memory, so sealing and
signing need no store read. `refresh` loads what other processes changed. New keys are created in `rotation.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward import base64url
from doorward.clock import Clock, Entropy
from doorward.config.database import is_postgres
from doorward.errors import Conflict, Problem, StartError
from doorward.keys.master_key import KEY_FILE, MASTER_KEY_BYTES, MasterKey, OldKey, make_master_key, read_master_key
from doorward.keys.sealing import KEY_ID_BYTES, Sealer
from doorward.oauth.dpop import thumbprint
from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.records.keys import MASTER, KeyRecord, KeyUse
from doorward.records.oauth import Client
from doorward.storage.port import Store
from doorward.storage.private_files import open_data_directory


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key from which each purpose derives its own key."""

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
        """Return the public key as a JWK."""
        return {**_public_members(self.private_key), "kid": self.kid, "use": "sig", "alg": "ES256"}


class Keys:
    """All keys. The first of each kind is the current one; the others still decrypt and verify, or are upcoming."""

    encryption: tuple[EncryptionKey, ...]
    signing: tuple[SigningKey, ...]

    def __init__(self, store: Store, master_key: MasterKey, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._master_key = master_key
        self._wrapping = master_key.sealer(entropy)
        self._clock = clock
        self._entropy = entropy
        self._sealers: dict[str, Sealer] = {}
        self._seen: tuple[str, ...] = ()
        """Ids of the keys in use, in order, to detect changes."""

    @classmethod
    async def load(
        cls, store: Store, data_dir: Path, clock: Clock, entropy: Entropy, *, master_key: str | None = None
    ) -> Keys:
        """Load the key ring of an open store; create it at the first start.

        Raises:
            StartError: the master key is lost or damaged, or did not encrypt the keys.
            Unavailable: the store cannot answer.
        """
        first_start = await store.get(KeyRecord, MASTER) is None
        if first_start:
            # Check in this order: a process that starts at the same time writes the file, then keys, then accounts and
            # clients.
            holds_records = bool(await store.page(User, limit=1) or await store.page(Client, limit=1))
            first_start = await store.get(KeyRecord, MASTER) is None
        found = read_master_key(master_key, data_dir)
        if found is None:
            if not first_start or holds_records:
                raise _lost(data_dir / KEY_FILE)
            found = make_master_key(data_dir, entropy)
        keys = cls(store, found, clock, entropy)
        if first_start:
            await keys._make()
        await keys.refresh()
        return keys

    def sealer(self, purpose: str) -> Sealer:
        """Return the sealer of a purpose; it never opens what another purpose sealed."""
        if purpose not in self._sealers:
            self._sealers[purpose] = Sealer(purpose, *self._secrets(), self._entropy)
        return self._sealers[purpose]

    async def refresh(self) -> None:
        """Load changes: new keys, a new current key, and expired ones.

        Raises:
            StartError: the keys are encrypted under another master key.
            Unavailable: the store cannot answer.
        """
        now = self._clock.now()
        records = [stored.record for stored in await self._store.find(KeyRecord)]
        in_use = [record for use in ("encryption", "signing") for record in ring_order(records, use, now)]
        seen = tuple(record.kid for record in in_use)
        if seen == self._seen:
            return
        if {record.use for record in in_use} != {"encryption", "signing"}:
            raise _incomplete()
        opened = [(record, self.open_record(record)) for record in in_use]
        self.encryption = tuple(
            EncryptionKey(record.kid, record.created_at, secret)
            for record, secret in opened
            if record.use == "encryption"
        )
        self.signing = tuple(
            SigningKey(record.kid, record.created_at, _private_key(secret))
            for record, secret in opened
            if record.use == "signing"
        )
        self._seen = seen
        for sealer in self._sealers.values():
            sealer.use(*self._secrets())

    def new_record(self, use: KeyUse, *, active_at: int) -> KeyRecord:
        """Create a key and return its record, not yet stored."""
        now = self._clock.now()
        if use == "encryption":
            kid, secret = self._entropy.random_bytes(KEY_ID_BYTES).hex(), self._entropy.random_bytes(MASTER_KEY_BYTES)
        else:
            private_key = ec.generate_private_key(ec.SECP256R1())
            kid, secret = thumbprint(_public_members(private_key)), _der(private_key)
        return self._record(OldKey(kid, use, now, secret), active_at)

    def open_record(self, record: KeyRecord) -> bytes:
        """Return the key in a record. Raises `StartError` if another master key encrypted it."""
        secret = self._wrapping.unseal(record.sealed_key, _context(record.use, record.kid))
        if secret is None:
            raise _other_master_key(self._master_key.source)
        return secret

    async def _make(self) -> None:
        """Store the first keys, unless another process did so first."""
        now = self._clock.now()
        sealed = self._wrapping.seal(b"", _context("master", MASTER))
        records = [KeyRecord(kid=MASTER, use="master", created_at=now, active_at=now, sealed_key=sealed)]
        old = self._master_key.old_keys
        # A file lists its current key first. It must become active last, to stay the current key.
        records += [self._record(key, now - place) for place, key in enumerate(old)]
        if not old:
            records += [self.new_record("encryption", active_at=now), self.new_record("signing", active_at=now)]
        try:
            await self._store.apply([Insert(record) for record in records])
        except Conflict:
            return

    def _record(self, key: OldKey, active_at: int) -> KeyRecord:
        sealed = self._wrapping.seal(key.secret, _context(key.use, key.kid))
        return KeyRecord(kid=key.kid, use=key.use, created_at=key.created_at, active_at=active_at, sealed_key=sealed)

    def _secrets(self) -> tuple[bytes, dict[bytes, bytes]]:
        secrets = {bytes.fromhex(key.kid): key.secret for key in self.encryption}
        return next(iter(secrets)), secrets


async def open_with_keys(
    store: Store, database: str | None, data_dir: Path, clock: Clock, entropy: Entropy, *, master_key: str | None
) -> Keys:
    """Open the store of the setting `database` and its key ring.

    Raises:
        StartError: the data directory, the store or the keys cannot be used; the store is closed again.
        Unavailable: the store cannot answer.
    """
    if master_key is None or not is_postgres(database):
        open_data_directory(data_dir)
    await store.open()
    try:
        return await Keys.load(store, data_dir, clock, entropy, master_key=master_key)
    except BaseException:
        await store.close()
        raise


def ring_order(records: Iterable[KeyRecord], use: str, now: int) -> list[KeyRecord]:
    """Return the valid keys of one use: the current one, retired ones, then upcoming ones."""
    counting = [each for each in records if each.use == use and (each.expires_at is None or each.expires_at > now)]
    counting.sort(key=lambda each: (each.active_at, each.created_at, each.kid), reverse=True)
    active = [each for each in counting if each.active_at <= now]
    coming = [each for each in counting if each.active_at > now][::-1]
    # No key is active yet if another node created the first keys, and its clock is ahead of this one.
    return active + coming


def _context(use: str, kid: str) -> bytes:
    return f"{use}:{kid}".encode()


def _private_key(der: bytes) -> ec.EllipticCurvePrivateKey:
    private_key = serialization.load_der_private_key(der, password=None)
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)
    return private_key


def _der(private_key: ec.EllipticCurvePrivateKey) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_members(private_key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = private_key.public_key().public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": _base64url(numbers.x), "y": _base64url(numbers.y)}


def _base64url(coordinate: int) -> str:
    return base64url.encode(coordinate.to_bytes(32, "big"))


def _lost(path: Path) -> StartError:
    return StartError(
        Problem(
            what=f"The key file {path} is missing, but the database is in use already.",
            why="Without its master key, what the database holds encrypted can never be read again.",
            fix="Restore the file from a backup, copy it from another node, or set `master_key` as there.",
        )
    )


def _incomplete() -> StartError:
    return StartError(
        Problem(
            what="The database has lost its keys.",
            why="They were removed; what they encrypted can never be read again.",
            fix="Restore a backup of the database. To start over, use an empty one.",
        )
    )


def _other_master_key(source: str) -> StartError:
    return StartError(
        Problem(
            what=f"The keys in the database are encrypted under another master key than the one from {source}.",
            why="All nodes of one database must use the same master key; any other key decrypts nothing.",
            fix="Set `master_key` (DOORWARD_MASTER_KEY), or copy keys.json, as it is on a node that works.",
        )
    )

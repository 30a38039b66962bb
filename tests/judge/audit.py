"""The second witness: what the store itself holds after a run, against what the history says it must hold.

The checker sees only answers. The auditor also sees what nobody was told: a second line of successors, a token that
survived its revocation, a client that was acknowledged and is not there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from judge.checker import Break
from judge.model import Model

from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import AccessToken, AuthorizationCode, Client, Grant, RefreshToken
from doorward.storage.port import Store


async def audit(model: Model, store: Store) -> list[Break]:
    """Compare the store with the history."""
    clients = {each.record.key for each in await store.find(Client)}
    codes = {each.record.key: each.record for each in await store.find(AuthorizationCode)}
    grants = {each.record.key: each.record for each in await store.find(Grant)}
    refresh = {each.record.key: each.record for each in await store.find(RefreshToken)}
    access = {each.record.key: each.record for each in await store.find(AccessToken)}
    return [
        *_lines(refresh),
        *_kept_clients(model, clients),
        *_kept_codes(model, set(codes)),
        *_kept_tokens(model, set(refresh) | set(access)),
        *_ended(grants, refresh, access),
    ]


def _lines(refresh: dict[str, RefreshToken]) -> Iterator[Break]:
    """A code gave one first refresh token, and each refresh token has one successor."""
    first = Counter(each.grant_id for each in refresh.values() if each.predecessor_digest is None)
    for grant_id, count in first.items():
        if count > 1:
            yield Break(1, f"grant {grant_id} has {count} first refresh tokens in the store")
    successors = Counter(each.predecessor_digest for each in refresh.values() if each.predecessor_digest)
    for predecessor, count in successors.items():
        if count > 1:
            yield Break(2, f"refresh token {predecessor} has {count} successors in the store")
    unspent = Counter(each.grant_id for each in refresh.values() if each.rotated_at is None)
    for grant_id, count in unspent.items():
        if count > 1:
            yield Break(2, f"grant {grant_id} has {count} unspent refresh tokens in the store")


def _kept_clients(model: Model, clients: set[str]) -> Iterator[Break]:
    for client_id, registered in model.clients.items():
        if client_id not in clients and not model.client_endings[client_id]:
            yield Break(3, f"client {client_id} was acknowledged and is not in the store", (registered,))


def _kept_codes(model: Model, codes: set[str]) -> Iterator[Break]:
    for family in model.families.values():
        if family.code not in codes and not family.is_of_a_device:  # a device's is in a record that is purged
            yield Break(3, f"code {family.code} was acknowledged and is not in the store", (family.consent,))


def _kept_tokens(model: Model, tokens: set[str]) -> Iterator[Break]:
    for token in model.tokens.values():
        endings = model.endings_of(token)
        if token.name not in tokens and not endings:
            yield Break(
                3, f"{token.kind} token {token.name} was given out and is not in the store", (token.issued_by[0],)
            )
        sure = next((each for each in endings if each.end is not None), None)
        if token.name in tokens and sure is not None:
            yield Break(5, f"{token.kind} token {token.name} is in the store after its end", (sure.by,))


def _ended(
    grants: dict[str, Grant], refresh: dict[str, RefreshToken], access: dict[str, AccessToken]
) -> Iterator[Break]:
    """No token outlives its grant, however that ended."""
    for token in (*refresh.values(), *access.values()):
        grant = grants.get(token.grant_id)
        if grant is None or grant.revoked_at is not None:
            yield Break(5, f"{token.kind} {token.key} is in the store, and its grant has ended")


async def dump(store: Store, path: Path) -> None:
    """Write every record to a file, to be searched where the store's own files cannot be."""
    records = [each.record for kind in RECORD_TYPES for each in await store.find(kind)]
    path.write_bytes(b"\n".join(map(msgspec.msgpack.encode, records)))


async def scan(secrets: set[str], directory: Path) -> list[Break]:
    """Look for every secret in every byte that was written: database, logs, histories."""
    return await asyncio.to_thread(lambda: list(_scan(secrets, directory)))


def _scan(secrets: set[str], directory: Path) -> Iterator[Break]:
    needles = {each.encode() for each in secrets}
    phrases = {each for each in needles if b" " in each}
    lengths = {len(each) for each in needles - phrases}
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.name == "stage":
            continue
        content = path.read_bytes()
        found = {each for each in phrases if each in content}
        for word in set(content.translate(_SEPARATE).split()):
            found |= needles & _pieces(word, lengths)
        for each in found:
            yield Break(9, f"a secret stands in {path.name} ({each[:4].decode()}...)")


def _pieces(word: bytes, lengths: set[int]) -> set[bytes]:
    """Return every part of a word that is as long as some secret: in a record, a length byte may look like a letter."""
    return {word[at : at + length] for length in lengths for at in range(len(word) - length + 1)}


_KEPT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_SEPARATE = bytes(byte if byte in _KEPT else 0x20 for byte in range(256))

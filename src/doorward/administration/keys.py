"""Operations on the signing and encryption keys. They never return a key itself."""

from __future__ import annotations

from typing import Literal

from doorward.administration.listing import Page
from doorward.administration.operation import Administration, Operation, Parameters, Result
from doorward.keys.ring import ring_order
from doorward.keys.rotation import Rotation
from doorward.records.keys import KeyRecord, KeyUse

USES: tuple[KeyUse, ...] = ("encryption", "signing")


class KeyView(Result, frozen=True, kw_only=True):
    """The public fields of a key."""

    kid: str
    use: KeyUse
    state: Literal["next", "current", "previous"]
    created_at: int
    active_at: int
    expires_at: int | None


class ListKeys(Parameters, frozen=True, kw_only=True):
    """No parameters: the list is short."""


class RotateKey(Parameters, frozen=True, kw_only=True):
    """The key to replace."""

    kind: KeyUse = "signing"
    at_once: bool = False
    """Use the new key at once, because the old one has leaked."""


async def list_(here: Administration, asked: ListKeys) -> Page[KeyView]:
    """List the keys by use, the current one of each ring first."""
    del asked
    records = [stored.record for stored in await here.store.find(KeyRecord)]
    now = here.clock.now()
    return Page(
        items=[
            _view(record, use, place, now) for use in USES for place, record in enumerate(ring_order(records, use, now))
        ]
    )


async def rotate(here: Administration, asked: RotateKey) -> KeyView:
    """Create a new key. Raises `Unavailable`."""
    rotation = Rotation(here.store, here.keys, here.clock, here.policy)
    record = await rotation.rotate(asked.kind, at_once=asked.at_once)
    return _view(record, asked.kind, 0, here.clock.now())


def _view(record: KeyRecord, use: KeyUse, place: int, now: int) -> KeyView:
    """Describe a key; `place` is its position in the ring, where 0 is the current one."""
    return KeyView(
        kid=record.kid,
        use=use,
        state="next" if record.active_at > now else "current" if place == 0 else "previous",
        created_at=record.created_at,
        active_at=record.active_at,
        expires_at=record.expires_at,
    )


LIST = Operation(
    name="keys.list",
    summary="List the keys: current, retired (still decrypt and verify) and upcoming.",
    method="GET",
    path="/keys",
    capability="admin:read",
    parameters=ListKeys,
    result=Page[KeyView],
    function=list_,
    commands=(("keys", "list"),),
)
ROTATE = Operation(
    name="keys.rotate",
    summary="Create a new key; everything that the old one signed or encrypted stays valid.",
    method="POST",
    path="/keys",
    capability="admin:keys",
    parameters=RotateKey,
    result=KeyView,
    function=rotate,
    commands=(("keys", "rotate"),),
    status=201,
)
OPERATIONS = (LIST, ROTATE)

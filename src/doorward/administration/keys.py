"""Operations on the keys that sign and encrypt. No key itself is ever answered."""

from __future__ import annotations

from typing import Literal

from doorward.administration.listing import Page
from doorward.administration.operation import Administration, Operation, Parameters, Result
from doorward.keys.ring import ring_order
from doorward.keys.rotation import Rotation
from doorward.records.keys import KeyRecord, KeyUse

USES: tuple[KeyUse, ...] = ("encryption", "signing")


class KeyView(Result, frozen=True, kw_only=True):
    """What may be shown of a key."""

    kid: str
    use: KeyUse
    state: Literal["next", "current", "previous"]
    created_at: int
    active_at: int
    expires_at: int | None


class ListKeys(Parameters, frozen=True, kw_only=True):
    """Nothing needs to be said: there are few."""


class RotateKey(Parameters, frozen=True, kw_only=True):
    """Which key to replace."""

    kind: KeyUse = "signing"
    at_once: bool = False
    """Use the new key at once: the old one is known to others."""


async def list_(here: Administration, asked: ListKeys) -> Page[KeyView]:
    """List the keys by use, each ring from the current key on."""
    del asked
    records = [stored.record for stored in await here.store.find(KeyRecord)]
    now = here.clock.now()
    return Page(
        items=[
            _view(record, use, place, now) for use in USES for place, record in enumerate(ring_order(records, use, now))
        ]
    )


async def rotate(here: Administration, asked: RotateKey) -> KeyView:
    """Make a new key. Raises `Unavailable`."""
    rotation = Rotation(here.store, here.keys, here.clock, here.policy)
    record = await rotation.rotate(asked.kind, at_once=asked.at_once)
    return _view(record, asked.kind, 0, here.clock.now())


def _view(record: KeyRecord, use: KeyUse, place: int, now: int) -> KeyView:
    """Describe a key; `place` is the one in its ring, where the current one is first."""
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
    summary="List the keys: the current ones, those that only open and verify any more, and those that are to come.",
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
    summary="Make a new key; what the old one has signed or encrypted stays good.",
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

"""Turns that let an owner try a password while attackers use up all attempts on the account.

Many addresses with wrong passwords delay everyone who has not signed in recently. Without turns, the next free attempt
goes to the address that asks most often, so an attacker could lock the owner out indefinitely. So an address without a
wrong password for this name gets a turn: an instant from which it may try once, whatever others do. A wrong attempt
disqualifies the address for as long as wrong passwords are remembered.

Turns are spaced, which also limits guessing. The first address of each network waits in a separate queue: however many
addresses an attacker has in a few networks, an owner in another network waits for none of them.

Pure: the caller loads and stores the records.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from doorward.login.delays import REMEMBERED_SECONDS, is_open
from doorward.records.accounts import FailedSignIns

NEW_NETWORK_SECONDS = 2
"""Between turns of addresses that are the first of their network."""
SAME_NETWORK_SECONDS = 10
"""Between turns of all other addresses."""
TURN_LASTS_SECONDS = 600
"""A turn that is not used for this long expires."""


class Line(NamedTuple):
    """The records of a name: from all addresses, from this one, and from this one's network."""

    everywhere: FailedSignIns
    here: FailedSignIns
    network: FailedSignIns


class Turn(NamedTuple):
    """The wait until the turn (0: it is now, and the attempt is noted as open), and the records to store."""

    wait_seconds: int
    line: Line


def turn_of(line: Line, *, try_id: str, now: int) -> Turn | None:
    """Return the turn of an address that other addresses' attempts delay; None if it has no turn.

    Only an address with no wrong password for this name and no open attempt has a turn.
    """
    here = line.here
    if here.failures or any(is_open(at, now) for at in here.open_tries.values()):
        return None
    if not here.turn_at or here.turn_at + TURN_LASTS_SECONDS <= now:
        line = _joined(line, now)
    turn_at = line.here.turn_at
    if turn_at > now:
        return Turn(turn_at - now, line)
    return Turn(0, line._replace(here=_taken(line.here, try_id, now), everywhere=_opened(line.everywhere, try_id, now)))


def _joined(line: Line, now: int) -> Line:
    everywhere = line.everywhere
    is_first = not line.network.turn_at
    if is_first:
        turn_at = max(now, everywhere.network_turn_at + NEW_NETWORK_SECONDS)
        everywhere = msgspec.structs.replace(everywhere, network_turn_at=turn_at)
    else:
        turn_at = max(now, everywhere.turn_at + SAME_NETWORK_SECONDS)
        everywhere = msgspec.structs.replace(everywhere, turn_at=turn_at)
    here, network = (msgspec.structs.replace(each, turn_at=turn_at) for each in (line.here, line.network))
    return Line(*(_kept(each, turn_at) for each in (everywhere, here, network)))


def _taken(here: FailedSignIns, try_id: str, now: int) -> FailedSignIns:
    return _opened(msgspec.structs.replace(here, turn_at=0), try_id, now)


def _opened(record: FailedSignIns, try_id: str, now: int) -> FailedSignIns:
    still_open = {each: at for each, at in record.open_tries.items() if is_open(at, now)}
    return _kept(msgspec.structs.replace(record, open_tries={**still_open, try_id: now}), now)


def _kept(record: FailedSignIns, until: int) -> FailedSignIns:
    return msgspec.structs.replace(record, expires_at=max(record.expires_at or 0, until + REMEMBERED_SECONDS))

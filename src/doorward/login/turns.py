"""Turns to try a password while strangers use up all the tries of an account.

Many addresses with wrong passwords slow an account down for everybody who has not signed in to it lately. Without
turns, the one try that becomes free goes to the address that asks most often. A stranger could then keep the owner out
indefinitely. So an address without a wrong password for this name gets a turn: an instant from which it may try once,
whatever the others do. A wrong try uses up the address for as long as wrong passwords are remembered.

The turns are spaced, so they bound the guesses too. The first address of a network waits in a line of its own: however
many addresses a stranger has in a few networks, an owner in another network waits for none of them.

Pure: the caller loads and stores the records.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from doorward.login.delays import REMEMBERED_SECONDS, is_open
from doorward.records.accounts import FailedSignIns

NEW_NETWORK_SECONDS = 2
"""From turn to turn among the addresses that are the first of their network."""
SAME_NETWORK_SECONDS = 10
"""From turn to turn among the others."""
TURN_LASTS_SECONDS = 600
"""A turn that is not taken for this long is over."""


class Line(NamedTuple):
    """What is known of a name: from all addresses, from this one, and from the network of this one."""

    everywhere: FailedSignIns
    here: FailedSignIns
    network: FailedSignIns


class Turn(NamedTuple):
    """How long to wait for the turn (0: it has come, and the try is noted as open), and the records to store."""

    wait_seconds: int
    line: Line


def turn_of(line: Line, *, try_id: str, now: int) -> Turn | None:
    """Return the turn of an address that was refused because of the tries of others; None: it has none.

    Only an address without a wrong password for this name, and without a try under way, has a turn.
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

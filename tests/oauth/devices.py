"""A device that waits, that was allowed, and that was denied."""

from dataclasses import replace

from oauth.given import (
    DOOR,
    NOW,
    POLICY,
    a_client,
)

from doorward.oauth.authorization.device import (
    DeviceCodes,
    answer,
    begin,
)
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.policy import by_uri
from doorward.records.accounts import User
from doorward.records.changes import Stored

CLIENT = Stored(a_client(grant_types=("refresh_token", DEVICE_CODE), redirect_uris=()), 11)
USER = Stored(User(user_id="u1", created_at=NOW), 13)
CODES = DeviceCodes("the-device-code", "BCDF-GHJK")
BEGUN = begin({}, client=CLIENT.record, codes=CODES, now=NOW, policy=POLICY)
WAITING = Stored(BEGUN.changes[0].record, 17)
MOVED = replace(POLICY, resources=by_uri(replace(DOOR, uri="https://door.example/new")))


def answered(found=WAITING, client=CLIENT, user=USER, *, approved=True, now=NOW + 9, policy=POLICY):
    return answer(found, client, user, approved=approved, grant_id="g1", now=now, policy=policy)


FINISHED, GRANT = (Stored(change.record, 18) for change in answered().changes[:2])
DENIED = Stored(answered(approved=False).changes[0].record, 18)

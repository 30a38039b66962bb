"""The device grant, seen from the device: it polls until the user has decided, and gets tokens once.

The poll interval is kept in the record, so a device that polls one node too often is slowed down at all of them. A lost
reply can be fetched again within seconds, as with a code.

Implements RFC 8628 s3.4 and s3.5. Does not know the page where the user decides.
"""

from __future__ import annotations

import msgspec

from doorward.oauth.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredDeviceCode,
    InvalidGrant,
    InvalidRequest,
    Reason,
    SlowDown,
)
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.grants.standing import require_grant_type
from doorward.oauth.resource_indicators import granted
from doorward.oauth.tokens.reply import (
    Redemption,
    TokenReply,
    issue,
    live_grant,
    repeat,
    repeated,
)
from doorward.records.changes import Decision, Replace, Stored
from doorward.records.oauth import DeviceAuthorization, Grant

SLOW_DOWN_SECONDS = 5


def poll(
    request: Redemption, *, device: Stored[DeviceAuthorization] | None, grant: Stored[Grant] | None
) -> Decision[TokenReply]:
    """Decide about one poll of a device. A refusal that changes a record is returned as a reply.

    Raises:
        OAuthError: refused; nothing has changed.

    Spec: RFC 8628 s3.5
    """
    form, client, now, policy = request.form, request.client.record, request.now, request.policy
    require_grant_type(client, DEVICE_CODE)
    if "device_code" not in form:
        raise InvalidRequest("device_code is missing.", Reason.MISSING_PARAMETER)
    if device is None:
        raise InvalidGrant("The device code is not known here.", Reason.UNKNOWN_DEVICE_CODE)
    record = device.record
    if record.client_id != client.client_id:
        raise InvalidGrant("The device code belongs to another client.", Reason.FOREIGN_DEVICE_CODE)
    if record.redeemed_at is None and (record.expires_at or 0) <= now:
        raise ExpiredDeviceCode("The user did not decide in time. Start again.", Reason.EXPIRED_DEVICE_CODE)
    if record.finished_at is None:
        return _not_yet(device, now)
    if not record.grant_id:
        raise AccessDenied("The user did not allow it.", Reason.DENIED_BY_USER)
    alive = live_grant(grant, record.grant_id, now=now, policy=policy)
    granted(record.resource, requested=form.get("resource"), policy=policy)
    if record.redeemed_at is not None:
        return _again(request, device, record.redeemed_at, alive)
    made = issue(request, source=record, scopes=record.scopes, grant=alive)
    spent = msgspec.structs.replace(record, redeemed_at=now, sealed_reply=made.sealed)
    return Decision(TokenReply(made.body), (Replace(spent, device.version), *made.changes))


def _not_yet(device: Stored[DeviceAuthorization], now: int) -> Decision[TokenReply]:
    record = device.record
    polled = msgspec.structs.replace(record, polled_at=now)
    if record.polled_at is not None and now - record.polled_at < record.interval_seconds:
        slower = msgspec.structs.replace(polled, interval_seconds=record.interval_seconds + SLOW_DOWN_SECONDS)
        refusal = SlowDown("Poll less often: wait five seconds longer from now on.", Reason.SLOW_DOWN)
        return Decision(TokenReply(error=refusal), (Replace(slower, device.version),))
    pending = AuthorizationPending("The user has not decided yet.", Reason.AUTHORIZATION_PENDING)
    return Decision(TokenReply(error=pending), (Replace(polled, device.version),))


def _again(
    request: Redemption, device: Stored[DeviceAuthorization], redeemed_at: int, grant: Stored[Grant]
) -> Decision[TokenReply]:
    is_timely = request.now - redeemed_at <= request.policy.code_replay_seconds
    body = repeat(device, sealing=request.sealing) if is_timely else None
    if body is None:
        raise InvalidGrant("The device code was used before.", Reason.REPLAYED_DEVICE_CODE)
    return repeated(device, grant, body)

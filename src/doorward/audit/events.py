"""Derives audit events from the changes of a decision, so that everything stored is audited automatically.

A change says what it does with which record, so sign-ins, consents, grants, tokens, registrations and accounts need no
audit code of their own. What leaves no change (a refusal, a wrong password) is recorded by the code that refuses.

Events hold no secrets: records hold only digests, and events show a few characters of one, to tell two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from doorward.records.accounts import BrowserSession, HeaderToken, User
from doorward.records.changes import Change, Delete, DeleteAll, Insert, Replace
from doorward.records.doors import AddedDoor
from doorward.records.keys import KeyRecord
from doorward.records.oauth import AccessToken, AuthorizationRequest, Client, DeviceAuthorization, Grant, RefreshToken
from doorward.records.record import Record

SHOWN_OF_A_DIGEST = 12


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event to record, before it has a number and a time."""

    event: str
    outcome: str = "ok"
    reason: str = ""
    actor: str = ""
    client_id: str = ""
    grant_id: str = ""
    detail: dict[str, str] = msgspec.field(default_factory=dict)


def events_of(changes: Sequence[Change], door_name: Callable[[str], str]) -> list[AuditEvent]:
    """Return the events of one decision's changes, in order; `door_name` returns the name of a resource's door."""
    events: list[AuditEvent] = []
    for change in changes:
        if isinstance(change, Insert):
            read = _INSERTED.get(type(change.record))
            event = read(change.record, changes) if read else None
        elif isinstance(change, Replace):
            read = _REPLACED.get(type(change.record))
            event = read(change.record, changes) if read else None
        elif isinstance(change, Delete | DeleteAll):
            event = _removed(change, changes)
        else:
            event = None
        if event is not None:
            events.append(_at_a_door(event, door_name))
    return events


def _at_a_door(event: AuditEvent, door_name: Callable[[str], str]) -> AuditEvent:
    name = door_name(event.detail.get("resource", ""))
    return msgspec.structs.replace(event, detail=event.detail | {"door": name}) if name else event


def shown(digest: str) -> str:
    """Return the part of a secret's digest that may be shown."""
    return digest[:SHOWN_OF_A_DIGEST]


def _client_added(client: Client, changes: Sequence[Change]) -> AuditEvent:
    del changes
    detail = {"source": client.source, "name": client.client_name, "authentication": client.token_endpoint_auth_method}
    return AuditEvent(event="client_registered", client_id=client.client_id, detail=detail)


def client_changed(client: Client) -> AuditEvent:
    """Return the event for a client whose consent terms have changed."""
    detail = {
        "source": client.source,
        "name": client.client_name,
        "authentication": client.token_endpoint_auth_method,
        "redirect_uris": " ".join(client.redirect_uris),
    }
    return AuditEvent(event="client_changed", client_id=client.client_id, detail=detail)


def _user_added(user: User, changes: Sequence[Change]) -> AuditEvent:
    del changes
    return AuditEvent(event="user_added", detail={"user": user.user_id, "kind": user.user_kind})


def _user_changed(user: User, changes: Sequence[Change]) -> AuditEvent:
    del changes
    return AuditEvent(
        event="user_changed",
        detail={"user": user.user_id, "state": "enabled" if user.disabled_at is None else "disabled"},
    )


def _signed_in(session: BrowserSession, changes: Sequence[Change]) -> AuditEvent | None:
    if session.user_id is None:
        return None
    asked = _first(changes, Replace, AuthorizationRequest)
    return AuditEvent(
        event="sign_in", actor=f"user:{session.user_id}", client_id=asked.client_id if asked is not None else ""
    )


def _answered(
    asked: AuthorizationRequest | DeviceAuthorization, changes: Sequence[Change], *, user_id: str | None
) -> AuditEvent | None:
    if asked.finished_at is None or (isinstance(asked, DeviceAuthorization) and asked.redeemed_at is not None):
        return None
    grant = _first(changes, Insert, Grant)
    return AuditEvent(
        event="consent",
        outcome="ok" if grant is not None else "denied",
        actor=f"user:{user_id}" if user_id else "",
        client_id=asked.client_id,
        grant_id=grant.grant_id if grant is not None else "",
        detail={"scopes": " ".join(asked.scopes), "resource": asked.resource},
    )


def _request_answered(asked: AuthorizationRequest, changes: Sequence[Change]) -> AuditEvent | None:
    return _answered(asked, changes, user_id=asked.user_id)


def _device_answered(asked: DeviceAuthorization, changes: Sequence[Change]) -> AuditEvent | None:
    return _answered(asked, changes, user_id=asked.user_id or None)


def _grant_added(grant: Grant, changes: Sequence[Change]) -> AuditEvent:
    del changes
    return AuditEvent(
        event="grant_issued",
        actor=f"user:{grant.user_id}",
        client_id=grant.client_id,
        grant_id=grant.grant_id,
        detail={"grant_type": grant.grant_type, "scopes": " ".join(grant.scopes), "resource": grant.resource},
    )


def _grant_changed(grant: Grant, changes: Sequence[Change]) -> AuditEvent | None:
    del changes
    if grant.revoked_at is None:
        return None
    return AuditEvent(
        event="grant_ended",
        reason=grant.revoked_reason or "",
        client_id=grant.client_id,
        grant_id=grant.grant_id,
        detail={"user": grant.user_id, "resource": grant.resource},
    )


def _token_issued(token: AccessToken, changes: Sequence[Change]) -> AuditEvent:
    spent = _first(changes, Replace, RefreshToken)
    detail = {
        "token": shown(token.access_digest),
        "scopes": " ".join(token.scopes),
        "user": token.user_id,
        "resource": token.resource,
    }
    if token.act:
        detail["act"] = " ".join(token.act)
    return AuditEvent(
        event="token_issued" if spent is None else "token_refreshed",
        actor=f"client:{token.client_id}",
        client_id=token.client_id,
        grant_id=token.grant_id,
        detail=detail,
    )


def _header_token_added(token: HeaderToken, changes: Sequence[Change]) -> AuditEvent:
    del changes
    detail = {"token": token.token_id, "name": token.name, "user": token.user_id}
    if token.capabilities:
        detail["capabilities"] = " ".join(token.capabilities)
    else:
        detail["scopes"] = " ".join(token.scopes)
    if token.door:
        detail["door"] = token.door
    return AuditEvent(event="header_token_created", detail=detail)


def _door_added(door: AddedDoor, changes: Sequence[Change]) -> AuditEvent:
    del changes
    return AuditEvent(event="door_added", detail={"door": door.name})


def _door_changed(door: AddedDoor, changes: Sequence[Change]) -> AuditEvent:
    del changes
    return AuditEvent(event="door_changed", detail={"door": door.name})


def _key_made(key: KeyRecord, changes: Sequence[Change]) -> AuditEvent | None:
    del changes
    if key.use == "master":
        return None
    return AuditEvent(event="key_made", detail={"kid": key.kid, "use": key.use, "active_at": str(key.active_at)})


def _removed(change: Delete | DeleteAll, changes: Sequence[Change]) -> AuditEvent | None:
    key = change.key if isinstance(change, Delete) else change.value
    by = "" if isinstance(change, Delete) else change.index
    match change.record_type.kind:
        case "client":
            return AuditEvent(event="client_removed", client_id=key)
        case "user":
            return AuditEvent(event="user_removed", detail={"user": key})
        case "added_door":
            return AuditEvent(event="door_removed", detail={"door": key})
        case "header_token":
            return AuditEvent(event="header_token_revoked", detail={by: key} if by else {"digest": shown(key)})
        case "consent":
            return AuditEvent(event="consent_withdrawn", detail={by: key} if by else {"consent": shown(key)})
        case "access_token" | "refresh_token" if not by:
            return AuditEvent(event="token_revoked", detail={"token": shown(key)})
        case "browser_session" if not by and _first(changes, Insert, BrowserSession) is None:
            return AuditEvent(event="signed_out")
        case _:
            return None


def _first(changes: Sequence[Change], kind: type[Insert | Replace], record_type: type[Record]) -> Any:
    return next(
        (each.record for each in changes if type(each) is kind and type(each.record) is record_type),
        None,
    )


_Read = Callable[[Any, Sequence[Change]], AuditEvent | None]
_INSERTED: dict[type[Record], _Read] = {
    Client: _client_added,
    User: _user_added,
    BrowserSession: _signed_in,
    Grant: _grant_added,
    AccessToken: _token_issued,
    HeaderToken: _header_token_added,
    KeyRecord: _key_made,
    AddedDoor: _door_added,
}
_REPLACED: dict[type[Record], _Read] = {
    User: _user_changed,
    AuthorizationRequest: _request_answered,
    DeviceAuthorization: _device_answered,
    Grant: _grant_changed,
    AddedDoor: _door_changed,
}

"""Device authorization: the device shows a code, and a person who is signed in elsewhere types it and decides.

An attacker who gets a person to type a code gets what the person allows. So only clients that an operator registered
for the grant may begin, the page names client and scopes, and no link carries the code. Codes are short, so the
endpoint that looks them up limits guesses.

Implements RFC 8628 s3.1, s3.2, s3.3 and s5. Does not know pages, nor how the device learns the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from doorward.oauth.errors import LocalAuthorizationError, Reason
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.grants.standing import require_grant_type
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Policy
from doorward.oauth.resource_indicators import find, narrow
from doorward.oauth.scopes import grantable
from doorward.oauth.tokens.opaque import digest
from doorward.paths import DEVICE
from doorward.records.accounts import User
from doorward.records.changes import Change, Decision, Expect, Insert, Replace, Stored
from doorward.records.oauth import Client, DeviceAuthorization, Grant

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; no digits, so no look-alikes. Spec: RFC 8628 s6.1."""
_USER_CODE_LETTERS = 8


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """A fresh pair of codes; used only if the decision is a success."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)


def encode_user_code(random: bytes) -> str:
    """Encode 16 random bytes as a typeable user code: 20^8 codes, equally likely to within 1 in 2^90."""
    number = int.from_bytes(random, "big")
    letters = []
    for _ in range(_USER_CODE_LETTERS):
        number, position = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[position])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def user_code_digest(typed: str) -> str:
    """Return the lookup key of a typed user code, ignoring case and everything between the letters."""
    return digest(f"user code {_letters(typed)}")


def as_shown(typed: str) -> str:
    """Return a typed user code in the spelling that the device shows."""
    letters = _letters(typed)
    return f"{letters[:4]}-{letters[4:]}"


def _letters(typed: str) -> str:
    return "".join(letter for letter in typed.upper() if letter in _LETTERS)


def begin(
    form: Mapping[str, str], *, client: Client, codes: DeviceCodes, now: int, policy: Policy
) -> Decision[dict[str, object]]:
    """Start a device authorization; the reply holds what the device shows and stores.

    Raises:
        OAuthError: the client may not use the grant, or asks for something that is not served.

    Spec: RFC 8628 s3.1, s3.2
    """
    require_grant_type(client, DEVICE_CODE)
    resource = narrow(form.get("resource"), policy=policy)
    record = DeviceAuthorization(
        user_code_digest=user_code_digest(codes.user_code),
        device_digest=digest(codes.device_code),
        client_id=client.client_id,
        scopes=grantable(parse_scope(form.get("scope")), client=client, resource=resource),
        resource=resource.uri,
        created_at=now,
        expires_at=now + policy.device_code_seconds,
        interval_seconds=policy.device_interval_seconds,
    )
    reply: dict[str, object] = {
        "device_code": codes.device_code,
        "user_code": codes.user_code,
        "verification_uri": policy.url_of(DEVICE),
        "expires_in": policy.device_code_seconds,
        "interval": policy.device_interval_seconds,
    }
    return Decision(reply, (Insert(record),))


def waiting(found: Stored[DeviceAuthorization] | None, client: Stored[Client] | None, *, now: int) -> bool:
    """Return whether a device authorization is still undecided and its client still exists."""
    return (
        found is not None
        and found.record.finished_at is None
        and (found.record.expires_at or 0) > now
        and client is not None
        and DEVICE_CODE in client.record.grant_types
        and (client.record.expires_at is None or client.record.expires_at > now)
    )


def answer(
    found: Stored[DeviceAuthorization] | None,
    client: Stored[Client] | None,
    user: Stored[User] | None,
    *,
    approved: bool,
    grant_id: str,
    now: int,
    policy: Policy,
) -> Decision[bool]:
    """Record the user's decision, once; the reply is True if the device was allowed.

    Raises:
        LocalAuthorizationError: no device waits under this code, or the user may no longer decide.

    Spec: RFC 8628 s3.3
    """
    if not waiting(found, client, now=now) or found is None or client is None:
        raise unknown_user_code()
    if user is None or user.record.disabled_at is not None:
        raise LocalAuthorizationError("This account cannot be used here any more.", Reason.USER_ENDED)
    asked, user_id = found.record, user.record.user_id
    if approved and find(asked.resource, policy=policy) is None:
        raise LocalAuthorizationError(
            "The server that this device asked for is no longer at that address.", Reason.WRONG_RESOURCE
        )
    # Otherwise a request that ends the client or user at the same time would miss the new grant, and it would live on.
    held: tuple[Change, ...] = (
        Expect(Client, client.record.client_id, client.version),
        Expect(User, user_id, user.version),
    )
    if not approved:
        return Decision(False, (Replace(msgspec.structs.replace(asked, finished_at=now), found.version), *held))
    grant = Grant(
        grant_id=grant_id,
        user_id=user_id,
        client_id=asked.client_id,
        redirect_uri="",
        scopes=asked.scopes,
        resource=asked.resource,
        created_at=now,
        expires_at=now + policy.grant_absolute_seconds,
        grant_type=DEVICE_CODE,
    )
    finished = msgspec.structs.replace(asked, finished_at=now, user_id=user_id, grant_id=grant_id)
    return Decision(True, (Replace(finished, found.version), Insert(grant), *held))


def unknown_user_code() -> LocalAuthorizationError:
    """Return the one error for every code that no device waits under, so that codes can't be probed."""
    return LocalAuthorizationError(
        "That code isn't valid. Codes expire after ten minutes and work once.", Reason.UNKNOWN_USER_CODE
    )

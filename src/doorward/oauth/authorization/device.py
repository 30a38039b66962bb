"""Devices without a browser: they show a code, and a person who is signed in elsewhere types it and decides.

An attacker who gets a person to type a code gets what the person allows. So only clients that an operator registered
for it may begin, the page names client and scopes, and no link carries the code. A code is short; the code that looks
it up limits how often it may be guessed.

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
"""No vowels, so no words; no digits, so nothing to mistake. Spec: RFC 8628 s6.1."""
_USER_CODE_LETTERS = 8


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """A fresh pair of codes; used only if the decision is a success."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)


def encode_user_code(random: bytes) -> str:
    """Spell 16 random bytes as a code to be typed: 20^8 of them, each as likely as any other but for 1 in 2^90."""
    number = int.from_bytes(random, "big")
    letters = []
    for _ in range(_USER_CODE_LETTERS):
        number, position = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[position])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def user_code_digest(typed: str) -> str:
    """Return the key of what a person typed, in whatever case and with whatever between the letters."""
    return digest(f"user code {_letters(typed)}")


def as_shown(typed: str) -> str:
    """Return what a person typed in the spelling that the device shows."""
    letters = _letters(typed)
    return f"{letters[:4]}-{letters[4:]}"


def _letters(typed: str) -> str:
    return "".join(letter for letter in typed.upper() if letter in _LETTERS)


def begin(
    form: Mapping[str, str], *, client: Client, codes: DeviceCodes, now: int, policy: Policy
) -> Decision[dict[str, object]]:
    """Begin to wait for a user; the reply is what the device shows and keeps.

    Raises:
        OAuthError: the client may not, or asks for something that is not served.

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
        "verification_uri": policy.issuer + DEVICE,
        "expires_in": policy.device_code_seconds,
        "interval": policy.device_interval_seconds,
    }
    return Decision(reply, (Insert(record),))


def waiting(found: Stored[DeviceAuthorization] | None, client: Stored[Client] | None, *, now: int) -> bool:
    """Tell whether a device and its client still wait for an answer."""
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
    """Take the answer of a user; the reply says whether the device was allowed. An answer is given once.

    Raises:
        LocalAuthorizationError: nothing waits under this code, or the user may not decide any more.

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
    # Who ends one of them at the same moment would not see the new grant, and it would live on.
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
    """Return the one answer to every code that nothing waits under, so that nobody learns which codes exist."""
    return LocalAuthorizationError(
        "No device waits under this code. Codes are good for ten minutes and for one answer.", Reason.UNKNOWN_USER_CODE
    )

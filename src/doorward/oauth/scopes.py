"""Scopes: how much of what a client asked for it may be granted.

Clients ask for scopes that they found elsewhere or always add. So unknown scopes are left out instead of refused; the
reply names what was granted.

Implements RFC 6749 s3.3 and s6. Does not know users, or which scopes a user may have.
"""

from __future__ import annotations

from doorward.oauth.errors import InvalidScope, Reason
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Resource
from doorward.records.oauth import Client

NEUTRAL_SCOPES = frozenset({"offline_access", "openid", "profile", "email"})
"""They ask for a lifetime or an identity, not for access to the door; refresh tokens are issued without them."""


def grantable(requested: tuple[str, ...], *, client: Client, resource: Resource) -> tuple[str, ...]:
    """Return the scopes to ask the user for, in published order. If none are requested, return the door's.

    A self-registered client may ask for more than it registered if an operation needs it. It registers with the small
    set that it found in some metadata, and otherwise could never step up to what a challenge names. If it registered no
    scope of this door, it read another door's metadata, so its registration does not restrict it here.

    Raises:
        InvalidScope: scopes were requested, and none of them exists here.

    Spec: RFC 6749 s3.3
    """
    known = resource.all_scopes
    allowed = tuple(scope for scope in known if scope in _open_to(client, resource))
    wanted = {scope for scope in requested if scope in known or scope not in NEUTRAL_SCOPES}
    granted = tuple(scope for scope in allowed if scope in (wanted or resource.scopes))
    if not granted and not wanted:
        granted = allowed
    if not granted:
        raise InvalidScope("None of the scopes asked for can be granted here.", Reason.UNKNOWN_SCOPE)
    return granted


def _open_to(client: Client, resource: Resource) -> tuple[str, ...]:
    registered = parse_scope(client.scope)
    if client.source == "registered":
        return resource.all_scopes if client.scope is None else registered
    is_about_it = any(scope in resource.all_scopes for scope in registered)
    return (*registered, *resource.operation_scopes) if is_about_it else resource.all_scopes


def narrowed(requested: tuple[str, ...], *, granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes of an access token made from a grant: the requested ones, or all if none are requested.

    Raises:
        InvalidScope: more was requested than was granted.

    Spec: RFC 6749 s6
    """
    wanted = tuple(scope for scope in requested if scope in granted or scope not in NEUTRAL_SCOPES)
    if not set(wanted) <= set(granted):
        raise InvalidScope("The scope is wider than what was granted.", Reason.WIDER_SCOPE)
    return tuple(scope for scope in granted if scope in wanted) or granted


def kept(requested: tuple[str, ...], *, granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes that a code gives: the requested ones that were consented to, or all if none are requested.

    A scope without consent is left out instead of refused, as at the authorization endpoint: clients send the same
    scopes to both.

    Raises:
        InvalidScope: scopes were requested, and the user consented to none of them.

    Spec: RFC 6749 s3.3
    """
    left = tuple(scope for scope in requested if scope in granted)
    if not left and not NEUTRAL_SCOPES.issuperset(requested):
        raise InvalidScope("None of the scopes asked for was consented to.", Reason.WIDER_SCOPE)
    return narrowed(left, granted=granted)

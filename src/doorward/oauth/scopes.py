"""Scopes: what a client may be granted of what it asked for.

Clients ask for scopes they found elsewhere or always add, so what is unknown is left out instead of refused; the
answer names what was granted.

Implements RFC 6749 s3.3 and s6. Does not know users: who may have which scope is not decided here.
"""

from __future__ import annotations

from doorward.oauth.errors import InvalidScope, Reason
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Resource
from doorward.records.oauth import Client

NEUTRAL_SCOPES = frozenset({"offline_access", "openid", "profile", "email"})
"""They ask for a lifetime or an identity, not for a part of the door: refresh tokens are given without being asked."""


def grantable(requested: tuple[str, ...], *, client: Client, resource: Resource) -> tuple[str, ...]:
    """Return the scopes to ask the user for, in the order they are published. Asked for none: those of the door.

    A self-registered client may ask for more than it registered where an operation needs it: it registers with the
    small set it has read somewhere, and could otherwise never step up, although a challenge asks for it. What it
    registered says nothing about a door of which it names no scope: it has read the metadata of another door.

    Raises:
        InvalidScope: something was asked for, and none of it exists here.

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
    """Return the scopes of an access token made from a grant: those asked for, or all when asked for none.

    Raises:
        InvalidScope: more was asked for than was granted.

    Spec: RFC 6749 s6
    """
    wanted = tuple(scope for scope in requested if scope in granted or scope not in NEUTRAL_SCOPES)
    if not set(wanted) <= set(granted):
        raise InvalidScope("The scope is wider than what was granted.", Reason.WIDER_SCOPE)
    return tuple(scope for scope in granted if scope in wanted) or granted


def kept(requested: tuple[str, ...], *, granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a code gives of what was consented to: what is named beside it, or all when nothing is.

    What was not consented to falls away instead of being refused, as it did at the authorization endpoint: clients
    send the same scopes to both.

    Raises:
        InvalidScope: something was named, and none of it was consented to.

    Spec: RFC 6749 s3.3
    """
    left = tuple(scope for scope in requested if scope in granted)
    if not left and not NEUTRAL_SCOPES.issuperset(requested):
        raise InvalidScope("None of the scopes asked for was consented to.", Reason.WIDER_SCOPE)
    return narrowed(left, granted=granted)

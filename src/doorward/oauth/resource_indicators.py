"""Resource indicators: the door that a client asks for, and the door that a grant is for.

Input may differ in case of scheme and host, default port, and one last slash, because clients differ there. Output has
one spelling. Nothing else is tolerated: the origin, a parent path or a sibling path is another resource.

Implements RFC 8707 s2 and RFC 3986 s6.2. Does not know tokens.
"""

from __future__ import annotations

from doorward.oauth.errors import InvalidGrant, InvalidTarget, Reason
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.uris import InvalidUri, parse_http


def canonical(uri: str) -> str | None:
    """Return the canonical spelling, or None if the string cannot name a resource."""
    try:
        parsed = parse_http(uri)
    except InvalidUri:
        return None
    query = "" if parsed.query is None else f"?{parsed.query}"
    return parsed.origin + parsed.path.removesuffix("/") + query


def find(uri: str, *, policy: Policy) -> Resource | None:
    """Return the door that a URI names in any of its spellings, if something can be granted for it."""
    found = policy.resources.get(uri) or policy.resources.get(canonical(uri) or "")
    return found if found is not None and found.takes_access_tokens else None


def narrow(requested: str | None, *, policy: Policy) -> Resource:
    """Return the door that the client asks for, or the default door if it names none.

    Raises:
        InvalidTarget: there is no such door, or the client names none and there is no default door.

    Spec: RFC 8707 s2
    """
    if requested is not None:
        found = find(requested, policy=policy)
    else:
        default = policy.default_resource
        found = default if default is not None and default.takes_access_tokens else None
    if found is not None:
        return found
    if len(policy.granting) == 1 and requested is not None:
        raise InvalidTarget(f"The resource must be {policy.granting[0].uri}.", Reason.FOREIGN_RESOURCE)
    if requested is not None:
        raise InvalidTarget(
            f"The resource is none of the {len(policy.granting)} here. Send the one of the server's metadata document.",
            Reason.FOREIGN_RESOURCE,
        )
    raise InvalidTarget(
        f"There are {len(policy.granting)} resources here and no default. Send the parameter resource, "
        "or ask the operator to set default_door.",
        Reason.MISSING_RESOURCE,
    )


def granted(uri: str, *, requested: str | None, policy: Policy) -> Resource:
    """Return the door that a grant is for; the client may name it again, and no other.

    Raises:
        InvalidTarget: the client names another resource; nothing is consumed.
        InvalidGrant: the door is gone or has a new address since, so its tokens would be refused.

    Spec: RFC 8707 s2.2
    """
    found = find(uri, policy=policy)
    if found is None:
        raise InvalidGrant("The door has moved. Ask the user again.", Reason.WRONG_RESOURCE)
    if requested is not None and requested != found.uri and canonical(requested) != found.uri:
        raise InvalidTarget(f"The resource must be {found.uri}, as it was granted.", Reason.FOREIGN_RESOURCE)
    return found

"""Resource indicators: the audience a client asks for must be this door.

Tolerant of spelling on input (case of scheme and host, default port, one last slash), one spelling on output, because
clients differ from each other by a slash. Nothing else is tolerated: the origin, a parent or a sibling path is foreign.

Implements RFC 8707 s2 and RFC 3986 s6.2. Does not know tokens.
"""

from __future__ import annotations

from doorward.oauth.errors import InvalidTarget, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.uris import InvalidUri, parse_http


def canonical(uri: str) -> str | None:
    """Return the canonical spelling, or None when the text cannot name a resource."""
    try:
        parsed = parse_http(uri)
    except InvalidUri:
        return None
    query = "" if parsed.query is None else f"?{parsed.query}"
    return parsed.origin + parsed.path.removesuffix("/") + query


def narrow(requested: str | None, *, policy: Policy) -> str:
    """Return the resource that a token is for: the door's, asked for by any of its spellings or not at all.

    Raises:
        InvalidTarget: the client asked for another resource.

    Spec: RFC 8707 s2
    """
    if requested is not None and requested != policy.resource and canonical(requested) != policy.resource:
        raise InvalidTarget(f"The resource must be {policy.resource}.", Reason.FOREIGN_RESOURCE)
    return policy.resource

"""A client's current secret and its previous one: after a rotation both are valid for a while, so that no call fails.

At most two secrets are valid at any time. Does not know how a secret is presented, or who may rotate it.
"""

from __future__ import annotations

from hmac import compare_digest

import msgspec

from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import Client

LONGEST_OVERLAP_SECONDS = 90 * 86_400
"""The longest time for which both secrets are valid after a rotation."""


def is_secret_of(client: Client, presented: str, *, now: int) -> bool:
    """Return whether a presented secret is the client's current one, or its previous one while that is still valid."""
    until = client.earlier_secret_until
    earlier = client.earlier_secret_digest if until is not None and now < until else None
    sent = digest(presented)
    # Always compare both, so that the time taken does not show which one matched. A missing digest matches nothing.
    matching = [compare_digest(sent, known or "") for known in (client.secret_digest, earlier)]
    return any(matching)


def with_new_secret(client: Client, client_secret: str, *, now: int, overlap_seconds: int) -> Client:
    """Return the client with a new secret; an overlap of 0 invalidates every earlier secret."""
    return msgspec.structs.replace(
        client,
        secret_digest=digest(client_secret),
        earlier_secret_digest=client.secret_digest if overlap_seconds else None,
        earlier_secret_until=now + overlap_seconds if overlap_seconds else None,
    )

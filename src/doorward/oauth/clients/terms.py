"""What a user's consent to a client rests on: where its answers go, and how it proves who it is.

A client that describes itself elsewhere, or that may update its registration, can change either between the moment a
user is asked and the moment a code is redeemed. Then the consent was to somebody else.

Spec: RFC 7592 s2.2; OAuth Client ID Metadata Document, "Changes in client metadata".
"""

from __future__ import annotations

import msgspec

from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import Client


def terms(client: Client) -> str:
    """Return a digest of what a consent rests on."""
    return digest("\n".join((client.token_endpoint_auth_method, *sorted(client.redirect_uris))))


def with_earlier_use(client: Client, before: Client | None) -> Client:
    """Return a client with its new description, and the addresses that people have used if its terms are the same."""
    kept = before.used_redirect_uris if before is not None and terms(before) == terms(client) else ()
    return msgspec.structs.replace(client, used_redirect_uris=kept)


def still_hold(seen: str, client: Client) -> bool:
    """Tell whether a client is as it was; a record from before terms were kept counts as unchanged."""
    return not seen or seen == terms(client)

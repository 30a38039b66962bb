"""The terms of a consent: the client's redirect URIs and its authentication method.

A client that describes itself elsewhere, or that may update its registration, can change either one between the user's
consent and the redemption of the code. The consent would then be for a different client.

Spec: RFC 7592 s2.2; OAuth Client ID Metadata Document, "Changes in client metadata".
"""

from __future__ import annotations

import msgspec

from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import Client


def terms(client: Client) -> str:
    """Return a digest of the terms."""
    return digest("\n".join((client.token_endpoint_auth_method, *sorted(client.redirect_uris))))


def with_earlier_use(client: Client, before: Client | None) -> Client:
    """Return a client with its new description; it keeps its used addresses only if its terms are unchanged."""
    kept = before.used_redirect_uris if before is not None and terms(before) == terms(client) else ()
    return msgspec.structs.replace(client, used_redirect_uris=kept)


def still_hold(seen: str, client: Client) -> bool:
    """Return whether the client's terms are unchanged; a record older than this field counts as unchanged."""
    return not seen or seen == terms(client)

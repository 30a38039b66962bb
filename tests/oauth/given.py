"""Records and settings that the tests of the OAuth core begin with."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import msgspec

from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import MintedTokens, Redemption
from doorward.records.changes import Stored
from doorward.records.oauth import AccessToken, AuthorizationCode, AuthorizationRequest, Client, Grant, RefreshToken

NOW = 1_800_000_000
ISSUER = "https://door.example"
RESOURCE = f"{ISSUER}/mcp"
REDIRECT_URI = "https://client.example/callback"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
DOOR = Resource(RESOURCE, "mcp", ("read", "write"))
POLICY = Policy(ISSUER, by_uri(DOOR))
NOTES = Resource(f"{ISSUER}/notes/mcp", "notes", ("notes",), ("notes:all",), title="Team notes")
TWO_DOORS = Policy(ISSUER, by_uri(DOOR, NOTES))
"""Two doors and no default."""
MINTED = MintedTokens(access_token="new-access", refresh_token="new-refresh")


class Wrapping:
    """Sealing without cryptography: what matters here is what is sealed, under which context, and whether it opens."""

    def __init__(self) -> None:
        self.key = b"1"

    def seal(self, plaintext: bytes, /, context: bytes = b"") -> bytes:
        return self.key + context + b"|" + plaintext

    def unseal(self, sealed: bytes, /, context: bytes = b"") -> bytes | None:
        header = self.key + context + b"|"
        return sealed[len(header) :] if sealed.startswith(header) else None


def a_client(**changes: Any) -> Client:
    values = {"client_id": "c1", "source": "registered", "created_at": NOW - 100, "redirect_uris": (REDIRECT_URI,)}
    return Client(**(values | changes))


def a_request(**changes: Any) -> AuthorizationRequest:
    values = {
        "request_id": "r1",
        "browser_digest": "b1",
        "client_id": "c1",
        "redirect_uri": REDIRECT_URI,
        "state": "s 1",
        "code_challenge": CHALLENGE,
        "scopes": ("read", "write"),
        "resource": RESOURCE,
        "created_at": NOW,
        "expires_at": NOW + 600,
    }
    return AuthorizationRequest(**(values | changes))


def a_grant(**changes: Any) -> Stored[Grant]:
    values = {
        "grant_id": "g1",
        "user_id": "u1",
        "client_id": "c1",
        "redirect_uri": REDIRECT_URI,
        "scopes": ("read", "write"),
        "resource": RESOURCE,
        "created_at": NOW,
        "expires_at": NOW + POLICY.grant_absolute_seconds,
    }
    return Stored(Grant(**(values | changes)), 7)


def a_code(**changes: Any) -> Stored[AuthorizationCode]:
    values = {
        "code_digest": digest("the-code"),
        "grant_id": "g1",
        "client_id": "c1",
        "user_id": "u1",
        "redirect_uri": REDIRECT_URI,
        "code_challenge": CHALLENGE,
        "scopes": ("read", "write"),
        "resource": RESOURCE,
        "created_at": NOW,
        "expires_at": NOW + 60,
    }
    return Stored(AuthorizationCode(**(values | changes)), 3)


def a_refresh_token(secret: str = "the-refresh", **changes: Any) -> Stored[RefreshToken]:
    values = {
        "refresh_digest": digest(secret),
        "grant_id": "g1",
        "client_id": "c1",
        "user_id": "u1",
        "scopes": ("read", "write"),
        "resource": RESOURCE,
        "created_at": NOW,
        "expires_at": NOW + POLICY.refresh_idle_seconds,
    }
    return Stored(RefreshToken(**(values | changes)), 5)


def an_access_token(**changes: Any) -> AccessToken:
    values = {
        "access_digest": digest("the-access"),
        "grant_id": "g1",
        "client_id": "c1",
        "user_id": "u1",
        "scopes": ("read",),
        "resource": RESOURCE,
        "created_at": NOW,
        "expires_at": NOW + 3600,
    }
    return AccessToken(**(values | changes))


def changed(stored: Stored[Any], **changes: Any) -> Stored[Any]:
    return Stored(msgspec.structs.replace(stored.record, **changes), stored.version)


def a_redemption(form: dict[str, str] | None = None, *, client: Stored[Client] | Client | None = None, **changes: Any):
    """A token request of `client`, at any version where only the client is given; None keeps what is usual."""
    values = {"now": NOW, "minted": MINTED, "sealing": Wrapping(), "policy": POLICY}
    stored = client if isinstance(client, Stored) else Stored(client or a_client(), 11)
    values |= {name: each for name, each in changes.items() if each is not None}
    return Redemption(form or {}, stored, **values)

"""Every record the authorization server and the resource server keep, and how long each lives.

A record is a frozen struct with a key, indexes and an expiry. Secrets appear only as digests (`*_digest`), as
ciphertext (`sealed_*`) or as a password hash. Every field added after a release has a default, so a record written
by any released version loads for ever. Instants are integer seconds, UTC.

This module knows nothing of how records are stored.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

ClientAuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
ClientSource = Literal["dynamic", "registered"]
UserKind = Literal["person", "service"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What storage keeps: identified by `key_field`, found by `indexes`, purged some time after `expires_at`."""

    kind: ClassVar[str]
    key_field: ClassVar[str]
    indexes: ClassVar[tuple[str, ...]] = ()

    expires_at: int | None = None
    """From this instant on the record no longer counts; None: until it is removed."""

    @property
    def key(self) -> str:
        """The value of the field that identifies this record within its kind."""
        value = getattr(self, self.key_field)
        assert isinstance(value, str)
        return value


class Client(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An OAuth client. A dynamic one expires unless somebody grants it something. Spec: RFC 7591 s2."""

    kind: ClassVar[str] = "client"
    key_field: ClassVar[str] = "client_id"
    indexes: ClassVar[tuple[str, ...]] = ("source",)

    client_id: str
    source: ClientSource
    created_at: int
    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    response_types: tuple[str, ...] = ("code",)
    token_endpoint_auth_method: ClientAuthMethod = "none"
    auth_method_defaulted: bool = False
    """The client did not choose the method, so its secret is accepted by Basic and in the body alike."""
    secret_digest: str | None = None
    scope: str | None = None
    """Scopes the client may ask for, as the wire string; None: all that the door has."""
    application_type: Literal["web", "native"] = "web"
    metadata: dict[str, str] = {}
    """Display fields echoed as they were registered: `client_uri`, `logo_uri`, `client_name#de`, ..."""


class User(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A resource owner, or a service account that only header tokens act for."""

    kind: ClassVar[str] = "user"
    key_field: ClassVar[str] = "user_id"

    user_id: str
    user_kind: UserKind = "person"
    password_hash: str | None = None
    """Argon2id in its encoded form; None: this user cannot sign in with a password."""
    created_at: int
    disabled_at: int | None = None


class BrowserSession(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One browser: first anonymous, so a login can be bound to it; a new one is made at sign-in."""

    kind: ClassVar[str] = "browser_session"
    key_field: ClassVar[str] = "cookie_digest"
    indexes: ClassVar[tuple[str, ...]] = ("user_id",)

    cookie_digest: str
    user_id: str | None = None
    created_at: int
    signed_in_at: int | None = None


class AuthorizationRequest(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A validated request waiting for sign-in and consent. It alone says what the next step is."""

    kind: ClassVar[str] = "authorization_request"
    key_field: ClassVar[str] = "request_id"

    request_id: str
    browser_digest: str
    """Digest of the browser's cookie: nobody else's browser can continue it (CVE-2026-27124)."""
    client_id: str
    redirect_uri: str
    redirect_uri_given: bool = True
    state: str | None = None
    code_challenge: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    user_id: str | None = None
    """Set once that user has signed in for this request."""
    finished_at: int | None = None
    """Set when it was approved or denied: an answer is given once."""


class Grant(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a user allowed a client at a door. Ending it deletes its tokens in the same transaction."""

    kind: ClassVar[str] = "grant"
    key_field: ClassVar[str] = "grant_id"
    indexes: ClassVar[tuple[str, ...]] = ("user_id", "client_id")

    grant_id: str
    user_id: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    revoked_at: int | None = None
    revoked_reason: str | None = None


class AuthorizationCode(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A code, redeemed at most once. Spec: RFC 6749 s4.1.2."""

    kind: ClassVar[str] = "authorization_code"
    key_field: ClassVar[str] = "code_digest"
    indexes: ClassVar[tuple[str, ...]] = ("grant_id",)

    code_digest: str
    grant_id: str
    client_id: str
    user_id: str
    redirect_uri: str
    redirect_uri_given: bool = True
    code_challenge: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    redeemed_at: int | None = None
    sealed_reply: bytes | None = None
    """The token response it gave, encrypted, so that an honest retry within seconds gets the same one."""


class RefreshToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A refresh token, rotated at each use; the spent one stays so that reuse is seen. Spec: RFC 9700 s4.14."""

    kind: ClassVar[str] = "refresh_token"
    key_field: ClassVar[str] = "refresh_digest"
    indexes: ClassVar[tuple[str, ...]] = ("grant_id",)

    refresh_digest: str
    grant_id: str
    client_id: str
    user_id: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    predecessor_digest: str | None = None
    rotated_at: int | None = None
    sealed_reply: bytes | None = None
    """The response of its rotation, encrypted, kept only until the successor is used or the window closes."""


class AccessToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An opaque access token for one resource. Spec: RFC 6750, RFC 8707."""

    kind: ClassVar[str] = "access_token"
    key_field: ClassVar[str] = "access_digest"
    indexes: ClassVar[tuple[str, ...]] = ("grant_id",)

    access_digest: str
    grant_id: str
    client_id: str
    user_id: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int


class HeaderToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A token an operator made for one user or service account, sent in a header as it is."""

    kind: ClassVar[str] = "header_token"
    key_field: ClassVar[str] = "token_digest"
    indexes: ClassVar[tuple[str, ...]] = ("token_id", "user_id")

    token_digest: str
    token_id: str
    """Public name of the token, for lists and revocation; not a secret."""
    name: str
    user_id: str
    scopes: tuple[str, ...]
    created_at: int
    last_used_at: int | None = None


RECORD_TYPES: tuple[type[Record], ...] = (
    Client,
    User,
    BrowserSession,
    AuthorizationRequest,
    Grant,
    AuthorizationCode,
    RefreshToken,
    AccessToken,
    HeaderToken,
)

"""Records of the authorization server: clients, requests, grants, codes, tokens, and single-use ids.

Secrets appear only as digests (`*_digest`) or as ciphertext (`sealed_*`). Instants are integer seconds, UTC.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from doorward.records.record import Record, ReplyRecord

ClientAuthMethod = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


ClientSource = Literal["dynamic", "registered", "metadata_document"]


class Client(Record, frozen=True, kw_only=True, omit_defaults=True):
    """An OAuth client. A dynamic one expires unless a user grants it something. Spec: RFC 7591 s2."""

    kind: ClassVar[str] = "client"
    key_field: ClassVar[str] = "client_id"
    indexes: ClassVar[tuple[str, ...]] = ("source",)
    order_field: ClassVar[str | None] = "created_at"

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
    """Scopes that the client may request, as the wire string; None: all that the door has."""
    application_type: Literal["web", "native"] = "web"
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    """Display fields, returned as registered: `client_uri`, `logo_uri`, `client_name#de`, ..."""
    service_user_id: str | None = None
    """The service account this client acts as with `client_credentials`; set by an operator only."""
    may_exchange: bool = False
    """It may exchange tokens that were issued to other clients; set by an operator only. Spec: RFC 8693 s5."""
    may_introspect: bool = False
    """A resource server: it may introspect tokens of every client. Spec: RFC 7662 s2.1."""
    dpop_bound_access_tokens: bool = False
    """The client accepts only DPoP-bound tokens. Spec: RFC 9449 s5.2."""
    used_at: int | None = None
    """When a user first granted it something; until then another dynamic client may evict it."""
    used_redirect_uris: tuple[str, ...] = ()
    """Its web addresses that received a response a user approved, under its current description."""
    jwks: str | None = None
    """Its public keys as a JWK set (JSON string), for `private_key_jwt`."""
    jwks_uri: str | None = None
    """Where its public keys are published; only set by an operator or a metadata document."""
    management_digest: str | None = None
    """Digest of its registration access token; None: it can't be managed over HTTP. Spec: RFC 7592 s3."""
    fresh_until: int | None = None
    """Until then its metadata document need not be fetched again."""
    earlier_secret_digest: str | None = None
    """Digest of the secret that `secret_digest` replaced; valid until `earlier_secret_until`, never without it."""
    earlier_secret_until: int | None = None
    is_declared: bool = False
    """A program writes it again at each start, so operators cannot change it."""


class AuthorizationRequest(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A validated request that waits for sign-in and consent. It alone determines the next step."""

    kind: ClassVar[str] = "authorization_request"
    key_field: ClassVar[str] = "request_id"

    request_id: str
    browser_digest: str
    """Digest of the browser's cookie: only that browser can continue the request (CVE-2026-27124)."""
    client_id: str
    redirect_uri: str
    redirect_uri_given: bool = True
    state: str | None = None
    code_challenge: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    dpop_jkt: str | None = None
    """Thumbprint of the only key that may redeem the code. Spec: RFC 9449 s10."""
    user_id: str | None = None
    """Set once the user has signed in for this request."""
    finished_at: int | None = None
    """Set when it was approved or denied, which happens once."""
    is_own_navigation: bool = False
    """The person opened it (typed, or from a local program), not another site's page."""
    client_terms: str = ""
    """Digest of the client's redirect URIs and authentication method when the user was asked; empty: not recorded."""
    flow_digest: str = ""
    """Digest of a cookie for this request alone, so that other tabs or lost responses can't remove it."""


class Grant(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a user allowed a client at a door. Ending it deletes its tokens in the same transaction."""

    kind: ClassVar[str] = "grant"
    key_field: ClassVar[str] = "grant_id"
    indexes: ClassVar[tuple[str, ...]] = ("user_id", "client_id")
    order_field: ClassVar[str | None] = "created_at"

    grant_id: str
    user_id: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    revoked_at: int | None = None
    revoked_reason: str | None = None
    grant_type: str = "authorization_code"
    """The grant type at the token endpoint that created it."""


class AuthorizationCode(ReplyRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A code, redeemed at most once. Spec: RFC 6749 s4.1.2."""

    kind: ClassVar[str] = "authorization_code"
    key_field: ClassVar[str] = "code_digest"
    indexes: ClassVar[tuple[str, ...]] = ("grant_id", "keeps_reply")

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
    dpop_jkt: str | None = None
    """Thumbprint of the only key that may redeem it, or of the key that redeemed it. Spec: RFC 9449 s10."""
    redeemed_at: int | None = None
    client_terms: str = ""
    """Digest of the client's redirect URIs and authentication method when the user was asked; empty: not recorded."""


class RefreshToken(ReplyRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A refresh token, rotated at each use; the spent one is kept to detect reuse. Spec: RFC 9700 s4.14."""

    kind: ClassVar[str] = "refresh_token"
    key_field: ClassVar[str] = "refresh_digest"
    indexes: ClassVar[tuple[str, ...]] = ("grant_id", "keeps_reply")

    refresh_digest: str
    grant_id: str
    client_id: str
    user_id: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    dpop_jkt: str | None = None
    """Thumbprint of the only key that may use it; only public clients have such tokens. Spec: RFC 9449 s5."""
    predecessor_digest: str | None = None
    rotated_at: int | None = None


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
    act: tuple[str, ...] = ()
    """The actors for the user, the latest first; empty: the client acts for itself. Spec: RFC 8693 s4.1."""
    dpop_jkt: str | None = None
    """Thumbprint of the key whose proof must come with it; None: a bearer token. Spec: RFC 9449 s6."""


class PushedRequest(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Authorization parameters that a client sent directly; one visit consumes them. Spec: RFC 9126 s2.2."""

    kind: ClassVar[str] = "pushed_request"
    key_field: ClassVar[str] = "reference_digest"

    reference_digest: str
    client_id: str
    parameters: dict[str, str]
    created_at: int


class SeenProof(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A used DPoP proof; all nodes refuse it while it could still be valid. Spec: RFC 9449 s11.1."""

    kind: ClassVar[str] = "seen_proof"
    key_field: ClassVar[str] = "proof_digest"
    indexes: ClassVar[tuple[str, ...]] = ("minute",)

    proof_digest: str
    minute: str
    """The minute in which it expires, so that a whole minute can be deleted at once."""


class SeenAssertion(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The id of a used assertion, kept until the assertion would have expired. Spec: RFC 7523 s3."""

    kind: ClassVar[str] = "seen_assertion"
    key_field: ClassVar[str] = "assertion_digest"

    assertion_digest: str
    """Digest of the id and of the scope in which it is unique: its purpose and issuer."""
    created_at: int


class DeviceAuthorization(ReplyRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A device that waits until a user allows it elsewhere; redeemed at most once. Spec: RFC 8628 s3.2."""

    kind: ClassVar[str] = "device_authorization"
    key_field: ClassVar[str] = "user_code_digest"
    indexes: ClassVar[tuple[str, ...]] = ("device_digest", "keeps_reply")

    user_code_digest: str
    device_digest: str
    client_id: str
    scopes: tuple[str, ...]
    resource: str
    created_at: int
    interval_seconds: int
    """The device must wait this long between two polls; grows if it polls faster."""
    polled_at: int | None = None
    finished_at: int | None = None
    """Set when a user approved or denied it, which happens once."""
    user_id: str = ""
    """The user who approved it; empty until then, and forever if it was denied."""
    grant_id: str = ""
    redeemed_at: int | None = None


class RegisteredContent(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a public client registered, and its id, so that an identical registration returns the same client."""

    kind: ClassVar[str] = "registered_content"
    key_field: ClassVar[str] = "content_digest"

    content_digest: str
    client_id: str


class RegistrationSlot(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One of a limited number of places for dynamic clients that no user has granted anything."""

    kind: ClassVar[str] = "registration_slot"
    key_field: ClassVar[str] = "slot"

    slot: str
    client_id: str
    taken_at: int


class Consent(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a user allowed a client at one redirect URI, and the client's description at that time."""

    kind: ClassVar[str] = "consent"
    key_field: ClassVar[str] = "consent_id"
    indexes: ClassVar[tuple[str, ...]] = ("user_id", "client_id")
    order_field: ClassVar[str | None] = "created_at"

    consent_id: str
    """Digest of user, client, redirect URI (a loopback one without its port) and resource."""
    user_id: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: tuple[str, ...]
    description_digest: str
    """Digest of what the consent page said about the client; a change needs a new consent."""
    grant_ids: tuple[str, ...] = ()
    """The grants made under it, the newest last."""
    created_at: int
    given_at: int
    """When the user last agreed."""

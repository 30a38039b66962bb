"""Records of people and services: accounts, browser sessions, header tokens, and failed sign-ins.

Secrets appear only as digests (`*_digest`) or as a password hash. Instants are integer seconds, UTC.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from doorward.records.record import Record

UserKind = Literal["person", "service"]


class User(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A resource owner, or a service account that acts only through header tokens or its client."""

    kind: ClassVar[str] = "user"
    key_field: ClassVar[str] = "user_id"

    user_id: str
    user_kind: UserKind = "person"
    password_hash: str | None = None
    """Argon2id in its encoded form; None: this user cannot sign in with a password."""
    created_at: int
    disabled_at: int | None = None
    identity_issuer: str | None = None
    """The identity provider that vouches for this person; issuer and `identity_subject` together identify them."""
    identity_subject: str | None = None


class BrowserSession(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One browser, anonymous at first so that a login can be bound to it. Sign-in creates a new record."""

    kind: ClassVar[str] = "browser_session"
    key_field: ClassVar[str] = "cookie_digest"
    indexes: ClassVar[tuple[str, ...]] = ("user_id",)

    cookie_digest: str
    user_id: str | None = None
    created_at: int
    signed_in_at: int | None = None
    earlier_digests: tuple[str, ...] = ()
    """Its cookies from before the sign-in, so that flows in its other tabs continue."""


class HeaderToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A token that an operator created for a user or service account, sent as is in a header."""

    kind: ClassVar[str] = "header_token"
    key_field: ClassVar[str] = "token_digest"
    indexes: ClassVar[tuple[str, ...]] = ("token_id", "user_id")
    order_field: ClassVar[str | None] = "created_at"

    token_digest: str
    token_id: str
    """Public id of the token, for lists and revocation; not a secret."""
    name: str
    user_id: str
    scopes: tuple[str, ...]
    created_at: int
    last_used_at: int | None = None
    capabilities: tuple[str, ...] = ()
    """Its rights in the administration API (`admin:clients`, ...); doors refuse a token that has any."""
    door: str = ""
    """The name of its door, not a URL: a command does not know the port. Empty, as in tokens of releases with one door:
    the default door; without a default door, every door."""


class FailedSignIns(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Wrong passwords of one account, in total or from one address. Spec: NIST SP 800-63B s5.2.2."""

    kind: ClassVar[str] = "failed_sign_ins"
    key_field: ClassVar[str] = "subject_digest"

    subject_digest: str
    """Digest of the account's name, or of the name and an address."""
    failures: int = 0
    blocked_until: int = 0
    """No password is checked before this instant."""
    succeeded_at: int | None = None
    """The last sign-in to the account from this address: attackers at other addresses cannot slow it down."""
    open_tries: dict[str, int] = msgspec.field(default_factory=dict)
    """When each attempt without a noted outcome began; never more than may be wrong at once."""
    turn_at: int = 0
    """From this instant the address may try once while others are slowed down; on a name: the last turn given."""
    network_turn_at: int = 0
    """The last turn given to the first address of a network."""

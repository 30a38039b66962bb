"""What is kept about people and services: accounts, browser sessions, header tokens, and failed sign-ins.

Secrets appear only as digests (`*_digest`) or as a password hash. Instants are integer seconds, UTC.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from doorward.records.record import Record

UserKind = Literal["person", "service"]


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
    identity_issuer: str | None = None
    """The identity provider that vouches for this person; with `identity_subject` it names them, nothing else does."""
    identity_subject: str | None = None


class BrowserSession(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One browser: first anonymous, so a login can be bound to it; a new one is made at sign-in."""

    kind: ClassVar[str] = "browser_session"
    key_field: ClassVar[str] = "cookie_digest"
    indexes: ClassVar[tuple[str, ...]] = ("user_id",)

    cookie_digest: str
    user_id: str | None = None
    created_at: int
    signed_in_at: int | None = None
    earlier_digests: tuple[str, ...] = ()
    """The cookies that it had before it signed in, so that what was begun in its other tabs goes on."""


class HeaderToken(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A token an operator made for one user or service account, sent in a header as it is."""

    kind: ClassVar[str] = "header_token"
    key_field: ClassVar[str] = "token_digest"
    indexes: ClassVar[tuple[str, ...]] = ("token_id", "user_id")
    order_field: ClassVar[str | None] = "created_at"

    token_digest: str
    token_id: str
    """Public name of the token, for lists and revocation; not a secret."""
    name: str
    user_id: str
    scopes: tuple[str, ...]
    created_at: int
    last_used_at: int | None = None
    capabilities: tuple[str, ...] = ()
    """What it may do in the administration API (`admin:clients`, ...); one that has any is not taken at the door."""
    door: str = ""
    """The door where it is good, by name: a command does not know the port, which is part of the URL. Empty, as in
    tokens of releases with one door: the default door; every door if there are several and none is the default."""


class FailedSignIns(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Wrong passwords of one account, in all or from one address. Spec: NIST SP 800-63B s5.2.2."""

    kind: ClassVar[str] = "failed_sign_ins"
    key_field: ClassVar[str] = "subject_digest"

    subject_digest: str
    """Digest of the account's name, or of that and an address."""
    failures: int = 0
    blocked_until: int = 0
    """Before this instant a password is not even looked at."""
    succeeded_at: int | None = None
    """When the account was last signed in to from this address: strangers elsewhere cannot slow it down here."""
    open_tries: dict[str, int] = msgspec.field(default_factory=dict)
    """When each try began whose outcome is not noted yet; never more than could be wrong at once."""
    turn_at: int = 0
    """From then on this address may try once although others are slowed down; of a name: the last turn given."""
    network_turn_at: int = 0
    """The last turn given to the first address of a network."""

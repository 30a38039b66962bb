"""What the authorization server serves and within which limits: integers, in seconds, characters or items.

Knows nothing of where the values come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from doorward.oauth.trusted_issuers import TrustedIssuer

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Resource:
    """One door, as the authorization server knows it."""

    uri: str
    """Canonical, without a last slash; the audience of every access token for this door."""
    name: str
    """The door's name in the settings."""
    scopes: tuple[str, ...]
    """Every call needs these. In the order they are published."""
    operation_scopes: tuple[str, ...] = ()
    """Scopes that only some tools or methods need; a client requests them after a challenge that names them."""
    title: str = ""
    """What a person reads instead of the name; empty: the name."""
    takes_access_tokens: bool = True
    """False: the door accepts header tokens only, so nothing can be granted for it."""

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope that can be granted for this door."""
        return self.scopes + self.operation_scopes


def by_uri(*resources: Resource) -> dict[str, Resource]:
    """Return the resources in the form that `Policy.resources` has."""
    return {each.uri: each for each in resources}


@dataclass(frozen=True, slots=True)
class Policy:
    """What every decision is measured against."""

    issuer: str
    """Canonical, without a last slash; byte-equal wherever it is published."""
    resources: Mapping[str, Resource]
    """Every door with tokens, by its URI, in the order of the settings."""
    default_door: str = ""
    """The name of the door that a client means if it names no resource. Empty: the only door, if there is only one."""

    authorization_request_seconds: int = 600
    """How long sign-in and consent may take."""
    code_seconds: int = 60
    code_replay_seconds: int = 10
    """Within this time after redemption an honest repeat gets the identical reply."""
    spent_code_seconds: int = _DAY
    """How long a redeemed code is remembered, so that a replay ends what it issued."""
    access_token_seconds: int = 3600
    refresh_idle_seconds: int = 30 * _DAY
    """A refresh token not used for this long expires."""
    refresh_replay_seconds: int = 30
    """Within this time after rotation a repeat gets the identical successor."""
    grant_absolute_seconds: int = 180 * _DAY
    """After this long the user is asked again, however often the tokens were refreshed."""
    unused_client_seconds: int = 7 * _DAY
    """A self-registered client that nobody granted anything expires after this long."""

    device_grant: bool = False
    """Whether devices without a browser may be allowed by a code that a person types elsewhere."""
    device_code_seconds: int = 600
    device_interval_seconds: int = 5
    """How long a device waits between two polls."""
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    """The identity providers whose assertions are taken."""
    assertion_lifetime_seconds: int = 300
    """An assertion that is meant to live longer is refused."""
    clock_skew_seconds: int = 60
    """By this much the clock of an issuer of assertions may differ."""
    assertion_grant_seconds: int = _DAY
    """How long what an assertion gave is listed as one grant; each assertion gives one access token."""
    actor_chain_limit: int = 8

    access_token_format: Literal["opaque", "jwt"] = "opaque"
    pushed_request_seconds: int = 60
    """How long the reference to a pushed request is good; long enough to open a browser with it."""
    require_par: bool = False
    """Whether authorization requests must be pushed."""
    require_dpop: bool = False
    """Whether every access token is bound to a key."""
    dpop_proof_seconds: int = 60
    """How far the `iat` of a proof may be from now, either way."""
    dpop_nonce_required: bool = False
    dpop_nonce_seconds: int = 300
    """How long a nonce is good; one older than half of this is answered with a new one."""

    remember_consent: bool = False
    """Whether a client that an operator registered may be spared a question that was answered before."""
    end_older_grants: bool = True
    """Whether a hosted client's new grant ends its older ones for the same user."""

    registration: Literal["open", "token", "off"] = "open"
    """Who may register a client: everybody, holders of an initial access token, nobody."""
    registration_tokens: frozenset[str] = frozenset()
    """Digests of the initial access tokens. Spec: RFC 7591 s3."""
    unused_clients_limit: int = 50_000
    """So many self-registered clients may wait for their first user; a further one takes the place of an old one."""
    same_client_seconds: int = 3600
    """For this long the same registration of a public client that nobody has used gets the same client."""
    registration_redirect_hosts: tuple[str, ...] = ("*",)
    """Hosts to which clients that describe themselves may redirect; `!loopback` and `!app` refuse those as well."""
    metadata_document_hosts: tuple[str, ...] = ("*",)
    """Hosts whose metadata documents are accepted (`host`, `*.host`, `*`), with `!` in front not; empty: none."""
    metadata_document_limit_bytes: int = 5 * 1024

    other_hosts: tuple[str, ...] = ()
    """Further `Host` values under which this server answers; no client may be redirected to one."""
    redirect_uris_limit: int = 20
    redirect_uri_limit_chars: int = 2048
    client_name_chars: int = 100
    """Longer names are cut, so that a consent page cannot be flooded."""
    metadata_limit_chars: int = 2048
    metadata_limit_fields: int = 40
    state_limit_chars: int = 8192

    @property
    def granting(self) -> tuple[Resource, ...]:
        """The doors for which something can be granted."""
        return tuple(each for each in self.resources.values() if each.takes_access_tokens)

    @property
    def default_resource(self) -> Resource | None:
        """The resource of a client that names none; None: the client must name one."""
        if self.default_door:
            return next((each for each in self.resources.values() if each.name == self.default_door), None)
        meant = self.granting or tuple(self.resources.values())
        return meant[0] if len(meant) == 1 else None

    def doors_of_header_token(self, door: str) -> tuple[Resource, ...]:
        """Return the doors where a header token is good; `door` is the name in its record, empty if it has none."""
        return tuple(each for each in self.resources.values() if self.opens(door, each.name))

    def opens(self, door: str, name: str) -> bool:
        """Return whether a header token with `door` in its record is good at the door of this name."""
        meant = door or self.default_door
        return meant in ("", name)

    def door_name(self, resource_uri: str) -> str:
        """Return the name of the door at a URI; empty: there is none any more."""
        door = self.resources.get(resource_uri)
        return "" if door is None else door.name

    @property
    def door_scopes(self) -> tuple[str, ...]:
        """Every scope that all calls of some door need."""
        return _joined(each.scopes for each in self.resources.values())

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope that can be granted at some door, those of all its calls first."""
        return _joined((self.door_scopes, *(each.operation_scopes for each in self.resources.values())))


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scope for part in parts for scope in part))

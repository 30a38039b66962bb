"""What the authorization server serves, and its limits: integers, in seconds, characters or items.

Does not know where the values come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.paths import origin_of, path_of, url_of

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Resource:
    """One door, as the authorization server sees it."""

    uri: str
    """Canonical, without a last slash; the audience of every access token for this door."""
    name: str
    """The door's name in the settings."""
    scopes: tuple[str, ...]
    """The scopes that every call needs, in the order they are published."""
    operation_scopes: tuple[str, ...] = ()
    """Scopes that only some tools or methods need; a client requests them after a challenge that names them."""
    title: str = ""
    """The name that people read; empty: `name`."""
    takes_access_tokens: bool = True
    """False: the door accepts header tokens only, so nothing can be granted for it."""
    is_named_by_path: bool = field(default=False, compare=False)
    """The door has no name in the settings but only a path, which a flag of `serve` may change."""

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope that can be granted for this door."""
        return self.scopes + self.operation_scopes


def by_uri(*resources: Resource) -> dict[str, Resource]:
    """Return the resources in the form that `Policy.resources` has."""
    return {each.uri: each for each in resources}


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration that every decision uses."""

    issuer: str
    """Canonical, without a last slash; byte-equal wherever it is published."""
    resources: Mapping[str, Resource]
    """Every door with tokens, by its URI, in the order of the settings."""
    default_door: str = ""
    """The name of the door for a client that names no resource. Empty: the only door, if there is only one."""

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
    """A self-registered client that no user granted anything expires after this long."""

    device_grant: bool = False
    """Whether devices without a browser can be authorized by a code that a person types elsewhere."""
    device_code_seconds: int = 600
    device_interval_seconds: int = 5
    """How long a device waits between two polls."""
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    """The identity providers whose assertions are accepted."""
    assertion_lifetime_seconds: int = 300
    """An assertion with a longer lifetime is refused."""
    clock_skew_seconds: int = 60
    """The largest clock difference accepted from an assertion issuer."""
    assertion_grant_seconds: int = _DAY
    """The lifetime of the grant that lists what assertions gave; each assertion gives one access token."""
    actor_chain_limit: int = 8

    access_token_format: Literal["opaque", "jwt"] = "opaque"
    pushed_request_seconds: int = 60
    """How long the reference to a pushed request is valid; long enough to open a browser with it."""
    require_par: bool = False
    """Whether authorization requests must be pushed."""
    require_dpop: bool = False
    """Whether every access token is bound to a key."""
    dpop_proof_seconds: int = 60
    """How far the `iat` of a proof may be from now, either way."""
    dpop_nonce_required: bool = False
    dpop_nonce_seconds: int = 300
    """How long a nonce is valid; one older than half of this gets a new one in the response."""

    remember_consent: bool = False
    """Whether a client that an operator registered may skip a question that the user answered before."""
    end_older_grants: bool = True
    """Whether a hosted client's new grant ends its older ones for the same user."""

    registration: Literal["open", "token", "off"] = "open"
    """Who may register a client: everyone, holders of an initial access token, or no one."""
    registration_tokens: frozenset[str] = frozenset()
    """Digests of the initial access tokens. Spec: RFC 7591 s3."""
    unused_clients_limit: int = 50_000
    """How many self-registered clients may wait for their first user; one more evicts an older one."""
    same_client_seconds: int = 3600
    """For this long, an identical registration of a public client without a user returns the same client."""
    registration_redirect_hosts: tuple[str, ...] = ("*",)
    """Hosts to which clients that describe themselves may redirect; `!loopback` and `!app` refuse those as well."""
    metadata_document_hosts: tuple[str, ...] = ("*",)
    """Hosts whose metadata documents are accepted: `host`, `*.host`, `*`; `!` in front excludes; empty: none."""
    metadata_document_limit_bytes: int = 5 * 1024

    other_hosts: tuple[str, ...] = ()
    """Further `Host` values under which this server answers; no client may be redirected to one."""
    redirect_uris_limit: int = 20
    redirect_uri_limit_chars: int = 2048
    client_name_chars: int = 100
    """Longer names are cut, so that a client can't flood a consent page."""
    metadata_limit_chars: int = 2048
    metadata_limit_fields: int = 40
    state_limit_chars: int = 8192

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer."""
        return origin_of(self.issuer)

    @property
    def base_path(self) -> str:
        """The path of the issuer, below which everything is served; empty if it has none."""
        return path_of(self.issuer)

    def url_of(self, path: str) -> str:
        """Return the public address of what is served at a path of ours."""
        return url_of(self.issuer, path)

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
        """Return the name of the door at a URI; empty if the door no longer exists."""
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

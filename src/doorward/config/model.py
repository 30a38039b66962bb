"""The settings, as one frozen value. Nothing here reads a file, a flag or the environment.

Each field's docstring is its text in `docs/configuration.md`. A setting that reduces security has a name that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from doorward.config.bounds import HIGHEST_PORT, MEBIBYTE, MOST_BYTES, Within
from doorward.logs import LogFormat
from doorward.oauth.trusted_issuers import TrustedIssuer

AuthMode = Literal["oauth", "token", "none"]
LoginKind = Literal["local"]
RegistrationMode = Literal["open", "token", "off"]

DoorSource = Literal["flat", "table", "command"]

DOOR_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class PythonTarget:
    """A Python object: a FastMCP server, an `mcp` SDK server or any ASGI app."""

    location: str
    """A path that ends in `.py`, or the dotted name of a module."""
    name: str | None = None
    """The object in it; None: look for `mcp`, `server`, `app`, in this order."""


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """An MCP server reached over Streamable HTTP."""

    url: str


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """An MCP server started as a child process that uses its standard input and output."""

    arguments: tuple[str, ...]


Target = PythonTarget | UrlTarget | CommandTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """One door: its name, and the settings that each door has."""

    name: str
    """The name of its table. Without tables: a name derived from its path."""
    source: DoorSource = field(default="flat", compare=False)
    """Where it is set: by a file or flags without tables, by a table of a file, or by a command."""
    target: Target | None = None
    """The server behind the door: `file.py[:name]`, `package.module:name`, `http(s)://host/path`, or a command."""
    title: str = ""
    """What people read instead of the name of the door: on the pages for sign-in and consent, and in its metadata."""
    path: str = "/mcp"
    """The path of the door. Served with and without a last slash, never redirected."""
    auth: AuthMode = "oauth"
    """`oauth`: OAuth, pre-registered clients and header tokens. `token`: header tokens only. `none`: no authentication,
    on a loopback address only."""
    allow_public_without_auth: bool = False
    """Allow `auth = none` on an address that others can reach. Everyone who reaches it can call every tool."""
    scopes: tuple[str, ...] = ("mcp",)
    """The scopes of the door. A call needs all of them; clients that request none are offered all of them."""
    tool_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further scopes that calling a tool needs, by its name or a glob such as `delete_*`; all matching entries add up.
    A call without them gets 403 `insufficient_scope`, and the client then asks the user for them."""
    method_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further scopes that a method needs, by its name or a glob: `resources/read`, `prompts/*`."""
    scope_implies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Broader scopes, each with the narrower ones that it includes. A token with the broader scope needs no others."""
    token_header: str | None = None
    """A further request header that may contain a header token, such as `X-API-Key`."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins that may call the door from a browser, in addition to its own, known MCP clients and, on a loopback
    address, any loopback origin."""
    forward_headers: tuple[str, ...] = ()
    """Request headers that are forwarded although their names could claim the caller's identity or address, such as
    `X-Tenant-Id`: see [request headers](request-headers.md). Any client can send them with any value."""
    upstream_headers: str | None = field(default=None, repr=False)
    """Headers added to every request to the upstream, such as its API key: lines `Name: value`. A client's own headers
    with these names are dropped. Only for a URL as target; with any other target the door does not start."""
    upstream_identity: Literal["none", "jwt"] = "none"
    """`jwt`: send the caller's identity to the upstream in the header `X-Doorward-Identity`, a JWT valid for five
    minutes and signed with the published keys. Its `typ` is `doorward-identity+jwt`. Its `aud` is `doorward-identity:`
    and the URL of the upstream, or that of the door for a Python target, so it can't be mistaken for an access
    token."""
    body_limit_bytes: Annotated[
        int, Within(1, MOST_BYTES, "A door without a limit can be filled up by one request.")
    ] = 4 * 1024 * 1024
    """The largest request body that the door accepts."""
    upstream_timeout_seconds: Annotated[int, Within(1, 86_400, "A silent upstream would hold its caller forever.")] = (
        300
    )
    """How long the upstream may be silent before the call fails."""
    stdio_sessions_limit: Annotated[int, Within(1, 100_000, "Each session is a process, which takes memory.")] = 200
    """How many sessions of older clients a stdio command may have at once in each process of the door. Each session is
    a process. When all are in use, a new one evicts one from the user holding the most."""
    stdio_session_idle_seconds: Annotated[
        int, Within(1, 604_800, "Clients rarely end their sessions, and each is a process.")
    ] = 1800
    """How long such a session may be idle, with no request and no open stream, before its process ends."""
    stdio_unread_limit_bytes: Annotated[int, Within(MEBIBYTE, MOST_BYTES, "One message of a client has to fit.")] = (
        64 * 1024 * 1024
    )
    """How many bytes may wait in memory for stdio commands that do not read their input, in each process of the door.
    One user gets at most half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings. Order of precedence: flag, `DOORWARD_*`, file, default."""

    doors: tuple[DoorSettings, ...] = (DoorSettings(name="mcp"),)
    """Every door, at least one, in the order of the file."""
    default_door: str = ""
    """The name of the door for clients that name none. Default: the only door, if there is only one."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Within(0, HIGHEST_PORT, "0 means any free port.")] = 8000
    """The port to listen on; `PORT` is honoured."""
    public_url: str | None = None
    """The URL under which clients reach this installation, such as `https://mcp.example.com`. Issuer, resource and
    every published address are computed from it. It may have a path: see
    [behind a path](behind-a-path.md). Default: `http://HOST:PORT`, for use on this machine only."""
    login: LoginKind = "local"
    """How people sign in."""
    database: str | None = field(default=None, repr=False)
    """`sqlite:///PATH`, `postgresql://USER:PASSWORD@HOST/DATABASE` or `memory://`. Any number of nodes may share one
    PostgreSQL database, and nothing else. Default: `doorward.sqlite` in the data directory."""
    database_connections: Annotated[int, Within(1, 1000, "Each process needs at least one connection.")] = 10
    """The most connections to PostgreSQL that one process opens."""
    data_dir: Path = field(default=Path(".doorward"))
    """The directory of the database and the master key; created with mode 0700."""
    master_key: str | None = field(default=None, repr=False)
    """The key that encrypts all other keys in the database: 32 random bytes in base64, the same on every node (`openssl
    rand -base64 32`). Default: generated at the first start and stored in the data directory."""
    key_rotation_days: Annotated[int, Within(0, 3650, "0 means: never by itself.")] = 90
    """A new signing key takes over when the current one is this old (0: only by `doorward keys rotate`)."""
    audit_retention_days: Annotated[int, Within(0, 36_500, "0 means: forever.")] = 400
    """How long entries of the audit log are kept (0: forever). Older ones are removed once a day; the rest can still be
    verified."""
    workers: Annotated[
        int, Within(1, 64, "Each worker is one process; more than the machine has cores gains nothing.")
    ] = 1
    """How many processes serve the address; `WEB_CONCURRENCY` is honoured."""
    remember_consent: bool = False
    """Let a client that you added skip the question that its user answered before, for the same redirect URI and
    scopes. The person must have opened the sign-in, and not another site's page. Other clients always ask."""
    end_older_grants: bool = True
    """End a hosted client's earlier grant for a user once a new one is in use. Grants of programs on people's own
    computers never end each other."""
    device_grant: bool = False
    """Let people authorize devices without a browser with a code that they type on another device (RFC 8628). Only for
    clients registered for it: `doorward clients add --grant device_code`."""
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    """Identity providers whose assertions about their users are accepted (ID-JAG, enterprise-managed authorization), as
    tables `[[trusted_issuers]]` with `issuer`, either `jwks_uri` or `jwks`, and optionally `clients`, `scopes` and
    `create_users = false`."""
    access_token_format: Literal["opaque", "jwt"] = "opaque"
    """The format of access tokens. `jwt`: RFC 9068, signed with the published keys, so that other servers can verify
    them. The door looks up either kind in its store, so that a revocation acts at once, and never forwards it."""
    access_token_minutes: Annotated[int, Within(1, 1440, "A client that stays signed in for longer refreshes it.")] = 60
    """How long an access token is valid. Clients refresh it without asking the user."""
    refresh_idle_days: Annotated[
        int, Within(1, 3650, "A client on a computer that is off over a weekend needs some days.")
    ] = 30
    """A client that has not refreshed for this long sends its user to sign in again."""
    grant_days: Annotated[int, Within(1, 3650, "After this long the user is asked again.")] = 180
    """After this long the user is asked again, even if the client has refreshed."""
    refresh_repeat_seconds: Annotated[int, Within(0, 300, "A thief who is faster than the client has this long.")] = 30
    """For this long a spent refresh token still gets the reply that may have been lost; later use ends the grant. A
    shorter time is stricter with thieves, and with clients on bad networks."""
    require_par: bool = False
    """Accept only authorization requests that the client has pushed (RFC 9126). Most MCP clients do not push them."""
    require_dpop: bool = False
    """Issue only access tokens that are bound to a key (DPoP, RFC 9449). Most MCP clients cannot use them. Header
    tokens are not affected."""
    dpop_nonce: Literal["off", "required"] = "off"
    """`required`: every DPoP proof must carry a nonce of this server, at most five minutes old."""
    registration: RegistrationMode = "open"
    """Who may register a client: `open`: everyone; `token`: holders of an initial access token; `off`: no one, so
    clients need a metadata document, or you add them."""
    registration_token: str | None = field(default=None, repr=False)
    """The initial access token for `registration = token`. During a rotation: several, separated by blanks."""
    unused_clients_limit: Annotated[
        int, Within(100, 10_000_000, "Honest clients need room between registration and first use.")
    ] = 50_000
    """How many self-registered clients may wait for their first user. One more evicts an old one, so filling all places
    locks no one out."""
    registration_redirect_hosts: tuple[str, ...] = ("*",)
    """Hosts to which clients that register or describe themselves may redirect: `host`, `*.host` or `*`; `!` in front
    excludes. The user's own machine and private-use schemes are also accepted, unless the list has `!loopback` or
    `!app`. Clients that you add may redirect anywhere."""
    metadata_document_hosts: tuple[str, ...] = ("*",)
    """Hosts whose client metadata documents are accepted (a `client_id` that is an https URL): `host`, `*.host`, or `*`
    for all; `!` in front excludes. An empty list accepts none."""
    metadata_document_limit_bytes: Annotated[
        int, Within(1024, 65_536, "Documents are small; larger ones are an attack.")
    ] = 5 * 1024
    """The largest accepted client metadata document."""
    allowed_hosts: tuple[str, ...] = ()
    """`Host` values to accept in addition to that of `public_url` and, on a loopback address, loopback names."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For` is trusted, for logs and limits. Behind an unlisted proxy, all
    clients share its address and its limits. Never changes a published URL."""
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1")
    """Addresses or networks that may read `/metrics` (Prometheus); each process has its own counts. An empty list:
    none. All others get a 404, and so do forwarded requests and requests to a public name."""
    limit_registrations_per_minute: Annotated[int, Within(0, 1_000_000, "0 means: no limit.")] = 120
    """How many registrations with the same content one address may send; five times as many with any content. This and
    the other limits are counted per process, answered with 429 and `Retry-After`, and off when 0."""
    limit_authorizations_per_minute: Annotated[int, Within(0, 1_000_000, "0 means: no limit.")] = 120
    """How many sign-ins a client may start from one address; five times as many for all clients of an address."""
    limit_token_calls_per_minute: Annotated[int, Within(0, 1_000_000, "0 means: no limit.")] = 120
    """How often the same code or refresh token may be presented. Five times as many requests of a client may be refused
    from one address before it must wait."""
    limit_sign_ins_per_minute: Annotated[int, Within(0, 1_000_000, "0 means: no limit.")] = 120
    """How many passwords may be tried from one address. In addition, wrong passwords slow an account down: after five
    from one address, and a little after fifty from anywhere. All processes and nodes count these together."""
    owner_password: str | None = field(default=None, repr=False)
    """Password of the account `owner`, set at first start. Default: generated and shown once."""
    head_timeout_seconds: Annotated[
        int, Within(1, 3_600, "A client that sends a byte now and then would hold connections.")
    ] = 15
    """How long a connection may take to send the head of a request. Bodies have their own limits: 20 seconds for OAuth
    and the pages, 60 for the door."""
    write_timeout_seconds: Annotated[
        int, Within(1, 3_600, "Clients that do not read would hold connections and calls forever.")
    ] = 20
    """How long a client may read nothing of what is sent to it; then its connection and its call end. A slow reader is
    not cut off, and neither is a silent stream."""
    self_check: bool = True
    """Examine the door through its public URL when it opens, as `doorward check` would, and report problems. `doorward
    doors show` shows the result again."""
    drain_seconds: Annotated[int, Within(0, 3_600, "0 means: end at once.")] = 10
    """How long pending requests may take to finish after SIGTERM."""
    log_format: LogFormat | None = None
    """`text` or `json`. Default: text on a terminal, JSON lines elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written."""


def door_name(path: str) -> str:
    """Return the name of a door with a path and no table: lower-case letters, digits and dashes."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "root"
    name = plain if plain[0].isalpha() else f"door-{plain}"
    return name[:DOOR_NAME_CHARACTERS].rstrip("-")

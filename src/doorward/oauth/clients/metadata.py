"""Client metadata from a registration: checked, cleaned, and reduced to what this server supports.

Unknown fields are ignored by exact name, and `null` counts as absent. An unsupported value is replaced if the client
can work with the replacement, and refused if it can't. No URL in it is ever fetched or rendered as markup.

Implements RFC 7591 s2 and s2.2. Does not know how clients are stored or what their secrets are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from doorward.oauth.clients.host_patterns import check_redirect_hosts
from doorward.oauth.clients.keys import read_jwks
from doorward.oauth.clients.redirect_uris import check_registrable
from doorward.oauth.errors import InvalidClientMetadata, InvalidRedirectUri, InvalidScope, Reason
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Policy
from doorward.oauth.uris import InvalidUri, parse_http
from doorward.records.oauth import ClientAuthMethod

GRANT_TYPES = ("authorization_code", "refresh_token")
RESPONSE_TYPES = ("code",)
AUTH_METHODS: tuple[ClientAuthMethod, ...] = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")

_URL_FIELDS = frozenset({"client_uri", "logo_uri", "tos_uri", "policy_uri"})
_TEXT_FIELDS = frozenset({"software_id", "software_version"})
_LOCALIZED = frozenset({"client_name", *_URL_FIELDS})
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
_LISTED_VALUES_LIMIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """Checked metadata, with defaults filled in: exactly what will be stored and echoed."""

    redirect_uris: tuple[str, ...]
    client_name: str
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: ClientAuthMethod
    auth_method_defaulted: bool
    scope: str | None
    application_type: Literal["web", "native"]
    display: dict[str, str]
    """Strings and URLs for people, by wire name, some with a language tag."""
    jwks: str | None = None
    """The checked JWK set as a JSON string; only with `private_key_jwt`."""
    dpop_bound_access_tokens: bool = False
    """Spec: RFC 9449 s5.2."""


def read_metadata(body: object, *, policy: Policy) -> ClientMetadata:
    """Check the decoded body of a registration request, or a metadata document.

    Raises:
        InvalidRedirectUri: `redirect_uris` is missing, too long, or one of them cannot be used.
        InvalidClientMetadata: another field cannot be used.

    Spec: RFC 7591 s2, s3.2.1
    """
    if not isinstance(body, dict):
        raise _malformed("The body must be a JSON object.")
    fields: dict[str, object] = {str(name): value for name, value in body.items() if value is not None}
    method = _text(fields, "token_endpoint_auth_method")
    redirect_uris = check_redirect_uris(fields.get("redirect_uris"), policy=policy)
    check_redirect_hosts(redirect_uris, policy.registration_redirect_hosts)
    return ClientMetadata(
        redirect_uris=redirect_uris,
        client_name=clean_text(_text(fields, "client_name"), limit_chars=policy.client_name_chars),
        grant_types=_grant_types(fields),
        response_types=_response_types(fields),
        token_endpoint_auth_method=_auth_method(method),
        auth_method_defaulted=not method,
        scope=_scope(_text(fields, "scope"), policy),
        application_type="native" if _text(fields, "application_type") == "native" else "web",
        display=_display(fields, policy),
        jwks=read_jwks(fields["jwks"]) if method == "private_key_jwt" and "jwks" in fields else None,
        dpop_bound_access_tokens=fields.get("dpop_bound_access_tokens") is True,
    )


def check_redirect_uris(value: object, *, policy: Policy) -> tuple[str, ...]:
    """Check the list of redirect URIs of one client; one bad URI refuses all.

    Raises:
        InvalidRedirectUri: not a list of strings, empty, too many, or one of them cannot be used.
    """
    if not isinstance(value, list | tuple) or not value:
        raise InvalidRedirectUri("redirect_uris must be a list of at least one string.", Reason.MISSING_REDIRECT_URI)
    if len(value) > policy.redirect_uris_limit:
        raise InvalidRedirectUri(f"redirect_uris holds more than {policy.redirect_uris_limit}.", Reason.TOO_LARGE)
    uris: dict[str, None] = {}
    for uri in value:
        if not isinstance(uri, str):
            raise InvalidRedirectUri("A redirect URI must be a string.", Reason.MALFORMED_REDIRECT_URI)
        if len(uri) > policy.redirect_uri_limit_chars:
            raise InvalidRedirectUri("A redirect URI is too long.", Reason.TOO_LARGE)
        check_registrable(uri, issuer=policy.issuer, other_hosts=policy.other_hosts)
        uris[uri] = None
    return tuple(uris)


def clean_text(text: str, *, limit_chars: int) -> str:
    """Clean a client's string for a page: no control, bidirectional or zero-width characters, cut to the limit.

    A name with such characters can look like another client's name, or hide what follows it.
    """
    # Twice the limit is enough to fill it after cleaning; a megabyte of name is not worth normalizing.
    kept = (c if c.isprintable() else " " if c.isspace() else "" for c in text[: 2 * limit_chars])
    visible = "".join(c for c in kept if c not in _BLANK_LETTERS)
    return " ".join(visible.split())[:limit_chars].rstrip()


_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Printable by category, but drawn as nothing."""


def _malformed(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.MALFORMED_METADATA)


def _unsupported(description: str) -> InvalidClientMetadata:
    return InvalidClientMetadata(description, Reason.UNSUPPORTED_METADATA)


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _malformed(f"{name} must be a string.")
    return value


def _texts(fields: dict[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name, ())
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _malformed(f"{name} must be a list of strings.")
    if len(value) > _LISTED_VALUES_LIMIT:
        raise _malformed(f"{name} holds too many values.")
    return tuple(value)


def _grant_types(fields: dict[str, object]) -> tuple[str, ...]:
    asked = _texts(fields, "grant_types")
    if not asked:
        # RFC 7591 defaults to the code alone, but a client that sends no grant_types expects to stay signed in.
        return GRANT_TYPES
    # Clients list grants they could use elsewhere (VS Code: device code), so drop those that are not served.
    if "authorization_code" not in asked:
        raise _unsupported("grant_types must contain authorization_code.")
    return tuple(grant_type for grant_type in GRANT_TYPES if grant_type in asked)


def _response_types(fields: dict[str, object]) -> tuple[str, ...]:
    asked = _texts(fields, "response_types")
    if asked and "code" not in asked:
        raise _unsupported("response_types must contain code.")
    return RESPONSE_TYPES


def _auth_method(asked: str) -> ClientAuthMethod:
    for method in AUTH_METHODS:
        if asked == method:
            return method
    if asked:
        # Replacing a key method by a secret would leave the client unable to authenticate without knowing why.
        raise _unsupported(f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}.")
    return "client_secret_basic"


def _scope(asked: str, policy: Policy) -> str | None:
    try:
        scopes = parse_scope(asked)
    except InvalidScope as error:
        raise InvalidClientMetadata(error.description, error.reason) from None
    # If nothing is left, the client named only scopes it asks every server for. It may then ask for all.
    return " ".join(scope for scope in policy.all_scopes if scope in scopes) or None


def _display(fields: dict[str, object], policy: Policy) -> dict[str, str]:
    display: dict[str, str] = {}
    for field in fields:
        name, hash_sign, tag = field.partition("#")
        if hash_sign and (name not in _LOCALIZED or not _LANGUAGE_TAG(tag)):
            continue
        if name in _URL_FIELDS:
            display[field] = _url(fields, field, policy)
        elif name in _TEXT_FIELDS or field.startswith("client_name#"):
            display[field] = clean_text(_text(fields, field), limit_chars=policy.client_name_chars)
    display = {name: value for name, value in display.items() if value}
    if len(display) > policy.metadata_limit_fields:
        raise _malformed(f"More than {policy.metadata_limit_fields} display fields.")
    return display


def _url(fields: dict[str, object], name: str, policy: Policy) -> str:
    url = _text(fields, name)
    if len(url) > policy.metadata_limit_chars:
        raise _malformed(f"{name.partition('#')[0]} is too long.")
    if url:
        try:
            parse_http(url, fragment_allowed=True)
        except InvalidUri as error:
            raise _malformed(f"{name.partition('#')[0]} cannot be used. {error}") from None
    return url

"""The metadata documents, and every well-known path that serves them.

All of it is computed from the policy's issuer and resources, so that every published copy is byte-equal. Only what is
implemented is advertised: no OpenID Connect.

Implements RFC 8414 s2 and s3, RFC 9728 s2 and s3, RFC 9207 s3, RFC 9126 s5, RFC 9449 s5.1, RFC 9701 s7. Does not
know HTTP.
"""

from __future__ import annotations

from doorward.oauth.clients.keys import SIGNING_ALGORITHMS
from doorward.oauth.clients.metadata import AUTH_METHODS, RESPONSE_TYPES
from doorward.oauth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from doorward.oauth.grant_types import published
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.uris import parse_http
from doorward.paths import (
    AUTHORIZATION_SERVER,
    AUTHORIZE_PATH,
    INTROSPECT_PATH,
    JWKS_PATH,
    PAR_PATH,
    PROTECTED_RESOURCE,
    REGISTER_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
    is_below,
    local_path,
)

TOKEN_SIGNING_ALGORITHM = "ES256"
"""The algorithms of the published signing keys."""


def protected_resource(
    resource: Resource, *, policy: Policy, resource_documentation: str | None = None
) -> dict[str, object]:
    """Describe one door. Spec: RFC 9728 s2."""
    document: dict[str, object] = {
        "resource": resource.uri,
        "authorization_servers": [policy.issuer],
        "scopes_supported": list(resource.scopes),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "dpop_bound_access_tokens_required": policy.require_dpop,
    }
    texts = {"resource_name": resource.title, "resource_documentation": resource_documentation}
    return document | {name: text for name, text in texts.items() if text}


def authorization_server(policy: Policy) -> dict[str, object]:
    """Describe the authorization server.

    The same document is served at the OpenID Connect paths, because clients look there too. It has no member that only
    an OpenID provider could fill in truthfully.

    Spec: RFC 8414 s2, RFC 9207 s3
    """
    return {
        "issuer": policy.issuer,
        "authorization_endpoint": policy.url_of(AUTHORIZE_PATH),
        "token_endpoint": policy.url_of(TOKEN_PATH),
        "revocation_endpoint": policy.url_of(REVOKE_PATH),
        "scopes_supported": list(policy.all_scopes),
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": ["query"],
        **published(policy),
        **_about_clients(policy),
        "introspection_endpoint": policy.url_of(INTROSPECT_PATH),
        "introspection_endpoint_auth_methods_supported": [method for method in AUTH_METHODS if method != "none"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "introspection_signing_alg_values_supported": [TOKEN_SIGNING_ALGORITHM],
        "jwks_uri": policy.url_of(JWKS_PATH),
        "pushed_authorization_request_endpoint": policy.url_of(PAR_PATH),
        "require_pushed_authorization_requests": policy.require_par,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def _about_clients(policy: Policy) -> dict[str, object]:
    """Return the members about client registration and client authentication."""
    about: dict[str, object] = {}
    if policy.registration != "off":
        about["registration_endpoint"] = policy.url_of(REGISTER_PATH)
    if policy.metadata_document_hosts:
        about["client_id_metadata_document_supported"] = True
    for endpoint in ("token_endpoint", "revocation_endpoint"):
        about[f"{endpoint}_auth_methods_supported"] = list(AUTH_METHODS)
        about[f"{endpoint}_auth_signing_alg_values_supported"] = list(SIGNING_ALGORITHMS)
    return about


def protected_resource_url(resource: str) -> str:
    """Return the URL that a challenge names: the well-known path inserted before the door's. Spec: RFC 9728 s3.1."""
    parsed = parse_http(resource)
    return parsed.origin + PROTECTED_RESOURCE + parsed.path


def documents(policy: Policy) -> dict[str, dict[str, object]]:
    """Map every path of the host at which a client may look for metadata to its document.

    The paths are inserted before the path of a door or the issuer, and appended to it, each with and without a last
    slash; and what clients build if they take the issuer for an origin. The path at its root serves the document of the
    default door; without one, only the doors' own documents exist.

    Spec: RFC 8414 s3.1, s5, RFC 9728 s3.1
    """
    server, default, issuer_path = authorization_server(policy), policy.default_resource, policy.base_path
    paths: dict[str, dict[str, object]] = {}
    if default is not None and default.takes_access_tokens:
        paths[issuer_path + PROTECTED_RESOURCE] = protected_resource(default, policy=policy)
    bases = [issuer_path]
    for resource in policy.granting:
        base = _path(resource.uri)
        bases.append(base)
        paths |= dict.fromkeys(
            _locations(PROTECTED_RESOURCE, base, issuer_path), protected_resource(resource, policy=policy)
        )
    for base in bases:
        for well_known in AUTHORIZATION_SERVER:
            paths |= dict.fromkeys(_locations(well_known, base, issuer_path), server)
    return paths | {f"{path}/": document for path, document in paths.items()}


def _locations(well_known: str, base: str, issuer_path: str) -> tuple[str, ...]:
    """Return where clients look for a document about what is at `base`."""
    below = local_path(issuer_path, base).rstrip("/")
    return (well_known + base, base + well_known, issuer_path + well_known + below)


def inserted_paths(policy: Policy) -> list[str]:
    """Return the paths of documents that are not below the path of the issuer: the inserted form begins at the host."""
    return [path for path in documents(policy) if not is_below(policy.base_path, path)]


def needed_paths(policy: Policy, resource: Resource) -> list[str]:
    """Return the paths of the documents that clients of one door request first: its own, and the issuer's."""
    return [PROTECTED_RESOURCE + _path(resource.uri), *(each + policy.base_path for each in AUTHORIZATION_SERVER)]


def undecided_documents(policy: Policy) -> dict[str, dict[str, object]]:
    """Map the paths that name no door, if there is no default door, to an error that lists the documents of all doors.

    Spec: RFC 9728 s3.1
    """
    path = policy.base_path + PROTECTED_RESOURCE
    if path in documents(policy):
        return {}
    error: dict[str, object] = {
        "error": "not_found",
        "error_description": "Each MCP server here has a document of its own. Ask for one of them.",
        "documents": [protected_resource_url(each.uri) for each in policy.granting],
    }
    return {path: error, f"{path}/": error}


def _path(url: str) -> str:
    return parse_http(url).path.rstrip("/")

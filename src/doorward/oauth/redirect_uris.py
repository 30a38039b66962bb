"""Redirect URIs: which a client may register, and which presented one equals a registered one.

- `https`: any host. `http`: loopback only.
- Private-use schemes: only if the scheme has a dot (reversed domain name) or is a well-known client's. They are safe
  enough because PKCE is demanded of every client.
- Comparison is by string. Only the port of an `http` loopback URI may differ: desktop clients listen where they can.

Implements RFC 6749 s3.1.2, RFC 8252 s7 and RFC 9700 s2.1. Every rule of registration holds again at use, so a URI
stored before a rule existed is refused as well. Does not know clients.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from doorward.oauth.authorization_response import RESPONSE_PARAMETERS
from doorward.oauth.errors import InvalidRedirectUri, Reason
from doorward.oauth.uris import DEFAULT_PORTS, InvalidUri, Uri, parse, parse_http

KNOWN_CLIENT_SCHEMES = frozenset(
    {
        "antigravity", "claude", "code-oss", "cursor", "cursor-nightly", "goose", "jan", "kiro", "lmstudio", "msty",
        "positron", "raycast", "trae", "vscode", "vscode-insiders", "vscodium", "warp", "windsurf", "windsurf-next",
        "zed",
    }
)  # fmt: skip
"""Schemes without a dot that installed MCP clients register with the operating system."""

DANGEROUS_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "ws", "wss"})
"""Refused before any other rule, so that widening the list above can never let one in."""


def check_registrable(uri: str, *, issuer: str) -> None:
    """Accept a URI that a client may register and we may redirect to.

    Raises:
        InvalidRedirectUri: with a description that says which rule it breaks.

    Spec: RFC 8252 s7, RFC 9700 s4.1
    """
    parsed = _parse(uri)
    if _is_ours(parsed, parse_http(issuer)):
        # A client that names our own callback would receive the identity provider's answers (confused deputy).
        raise InvalidRedirectUri("A redirect URI must not point to this server's own pages.", Reason.OWN_REDIRECT_URI)


def matches(registered: str, presented: str) -> bool:
    """Tell whether a presented redirect URI is the registered one.

    Spec: RFC 9700 s2.1, RFC 8252 s7.3
    """
    try:
        ours, theirs = _parse(registered), _parse(presented)
    except InvalidRedirectUri:
        return False
    if registered == presented:
        return True
    return (
        ours.scheme == theirs.scheme == "http"
        and ours.host == theirs.host
        and ours.path == theirs.path
        and ours.query == theirs.query
    )


def is_loopback(uri: str) -> bool:
    """Tell whether an acceptable redirect URI ends on the user's own machine, where any program may listen."""
    return _parse(uri).is_loopback


def _parse(uri: str) -> Uri:
    try:
        parsed = parse(uri)
    except InvalidUri as error:
        raise InvalidRedirectUri(f"A redirect URI cannot be used. {error}", Reason.MALFORMED_REDIRECT_URI) from None
    if "*" in uri:
        raise InvalidRedirectUri("A redirect URI must not have a wildcard.", Reason.MALFORMED_REDIRECT_URI)
    _check_scheme(parsed)
    names = {name for name, _ in parse_qsl(parsed.query or "", keep_blank_values=True)}
    if names & RESPONSE_PARAMETERS:
        raise InvalidRedirectUri(
            "The query of a redirect URI must not hold parameters of the response.", Reason.UNSAFE_REDIRECT_URI
        )
    return parsed


def _check_scheme(parsed: Uri) -> None:
    scheme = parsed.scheme
    if scheme.lower() in DANGEROUS_SCHEMES or scheme != scheme.lower():
        raise InvalidRedirectUri("A redirect URI has a scheme that is not allowed.", Reason.UNSAFE_REDIRECT_URI)
    if scheme in DEFAULT_PORTS:
        if not parsed.host:
            raise InvalidRedirectUri("A redirect URI has no host.", Reason.MALFORMED_REDIRECT_URI)
        if scheme == "http" and not parsed.is_loopback:
            raise InvalidRedirectUri(
                "A redirect URI must be https; http is accepted for localhost, 127.0.0.1 and [::1] only.",
                Reason.UNSAFE_REDIRECT_URI,
            )
    elif "." not in scheme and scheme not in KNOWN_CLIENT_SCHEMES:
        raise InvalidRedirectUri(
            "A private-use scheme must be a reversed domain name, such as com.example.app:/callback.",
            Reason.UNSAFE_REDIRECT_URI,
        )


def _is_ours(parsed: Uri, issuer: Uri) -> bool:
    # The port of a loopback URI may change at use, so it cannot tell our own pages from somebody else's.
    both_loopback = parsed.scheme == "http" and parsed.is_loopback and issuer.is_loopback
    if not both_loopback and parsed.origin != issuer.origin:
        return False
    own = issuer.path.rstrip("/") + "/-"
    path = unquote(parsed.path)
    return path == own or path.startswith(own + "/")

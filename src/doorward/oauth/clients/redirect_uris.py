"""Redirect URIs: which a client may register, and which presented one equals a registered one.

- `https`: any host. `http`: loopback only.
- Private-use schemes: only if the scheme has a dot (reversed domain name), or the URI is the callback of a well-known
  client (`app_schemes`). They are safe enough because PKCE is demanded of every client.
- No address of this server itself.
- Comparison is by string. Only the port of an `http` loopback URI may differ: desktop clients listen where they can.

Implements RFC 6749 s3.1.2, RFC 8252 s7 and RFC 9700 s2.1. Every rule of registration holds again at use, so a URI
stored before a rule existed is refused as well. Does not know clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from doorward.oauth.addresses import canonical_host, names_this_machine
from doorward.oauth.authorization.response import RESPONSE_PARAMETERS
from doorward.oauth.clients.app_schemes import KNOWN_CLIENT_SCHEMES, is_callback_of_known_client
from doorward.oauth.errors import InvalidRedirectUri, Reason
from doorward.oauth.uris import DEFAULT_PORTS, InvalidUri, Uri, parse, parse_http
from doorward.paths import OWN, RESERVED_FIRST_SEGMENTS, first_segment, is_below, path_of

_PORT_AT_END = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]+)").fullmatch

DANGEROUS_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "ws", "wss"})
"""Refused before any other rule, so that extending the list above never lets one in."""


def check_registrable(uri: str, *, issuer: str, other_hosts: Iterable[str] = ()) -> None:
    """Accept a URI that a client may register.

    `other_hosts` are further `Host` values under which this server answers.

    Raises:
        InvalidRedirectUri: the description says which rule it breaks.

    Spec: RFC 8252 s7, RFC 9700 s4.1
    """
    parsed = _parse(uri)
    if parsed.scheme == "http" and parsed.port is None:
        # Any port of this machine is fine now. `check_usable` checks the actual port when the URI is used.
        _check_pages(parsed, parse_http(issuer), path_of(issuer))
    else:
        _check_foreign(parsed, issuer, other_hosts)


def check_usable(uri: str, *, issuer: str, other_hosts: Iterable[str] = ()) -> None:
    """Accept a presented URI to which this server may send a browser.

    Raises:
        InvalidRedirectUri: the description says which rule it breaks.
    """
    _check_foreign(_parse(uri), issuer, other_hosts)


def matches(registered: str, presented: str) -> bool:
    """Return whether a presented redirect URI equals the registered one.

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
        if scheme == "http" and not parsed.is_plain_loopback:
            raise InvalidRedirectUri(
                "A redirect URI must be https; http is accepted for localhost, 127.0.0.1 and [::1] only.",
                Reason.UNSAFE_REDIRECT_URI,
            )
    elif "." not in scheme and scheme in KNOWN_CLIENT_SCHEMES:
        if not is_callback_of_known_client(parsed):
            raise InvalidRedirectUri(
                f"A redirect URI under {scheme}: must be that client's own callback address, "
                "without a query; other addresses open commands of the program.",
                Reason.UNSAFE_REDIRECT_URI,
            )
    elif "." not in scheme:
        raise InvalidRedirectUri(
            "A private-use scheme must be a reversed domain name, such as com.example.app:/callback.",
            Reason.UNSAFE_REDIRECT_URI,
        )


def _check_foreign(parsed: Uri, issuer: str, other_hosts: Iterable[str]) -> None:
    """Refuse every address of this server. If the issuer has no path, that is its whole host.

    A browser that is redirected from one of our pages to another looks like a person who navigates. So a client that
    named `/authorize` could start a sign-in for another client. One that named the callback of a login would receive
    the identity provider's responses (confused deputy).
    """
    ours = parse_http(issuer)
    _check_pages(parsed, ours, path_of(issuer))
    if parsed.scheme not in DEFAULT_PORTS:
        return
    presented = _authority(parsed.scheme, parsed.host or "", parsed.port)
    others = {_authority(ours.scheme, *_split(each)) for each in other_hosts}
    is_here = presented == _authority(ours.scheme, ours.host or "", ours.port)
    if presented in others or (is_here and _is_served(parsed, path_of(issuer))):
        raise _own("A redirect URI must not point to this server itself.")


def _is_served(parsed: Uri, issuer_path: str) -> bool:
    """Return whether this server may answer at a path of its public host, which it may share with other programs.

    A proxy in front may strip the path of the issuer, so our own paths count with and without it. Proxies read letters
    and slashes leniently.
    """
    path = _plain_path(parsed).lower()
    return is_below(issuer_path.lower(), path) or first_segment(path) in RESERVED_FIRST_SEGMENTS


def _check_pages(parsed: Uri, issuer: Uri, issuer_path: str) -> None:
    # A loopback client may listen on any port, so with a loopback issuer every port of the machine counts as ours.
    if parsed.names_this_machine and issuer.names_this_machine:
        path = _plain_path(parsed)
        if is_below(OWN, path) or is_below(issuer_path + OWN, path):
            raise _own("A redirect URI must not point to this server's own pages.")


def _plain_path(parsed: Uri) -> str:
    return re.sub("/+", "/", unquote(parsed.path)) or "/"


def _authority(scheme: str, host: str, port: int | None) -> tuple[str, int]:
    """Return host and port as a browser resolves them; every name and address of this machine is one host."""
    one_name = "localhost" if names_this_machine(host) else canonical_host(host)
    return one_name, port or DEFAULT_PORTS[scheme.lower()]


def _split(host: str) -> tuple[str, int | None]:
    """Split a `Host` value; an IPv6 address in it may lack its brackets, and then has no port."""
    found = _PORT_AT_END(host)
    return (found[1], int(found[2])) if found else (f"[{host}]" if host.count(":") > 1 else host, None)


def _own(description: str) -> InvalidRedirectUri:
    return InvalidRedirectUri(description, Reason.OWN_REDIRECT_URI)

"""Host allowlists of an operator, and where clients that describe themselves may have responses sent.

A redirect URI without a network host has a word instead: `loopback` for the user's machine, `app` for a private-use
scheme. Both are accepted unless the list refuses them, because a list of hosts says nothing about them. Does not know
which redirect URIs are safe (`redirect_uris`), nor clients.
"""

from __future__ import annotations

from collections.abc import Iterable

from doorward.oauth.errors import InvalidRedirectUri, Reason
from doorward.oauth.uris import DEFAULT_PORTS, parse

ANY_HOST = ("*",)
_WORDS = {"loopback": "the user's own machine", "app": "a private-use scheme"}


def host_is_accepted(host: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a host matches a list of `host`, `*.host` and `*`; an entry with `!` in front always excludes."""
    if any(_fits(host, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    accepted = [pattern for pattern in patterns if not pattern.startswith("!")]
    return any(_fits(host, pattern) for pattern in accepted)


def check_redirect_hosts(redirect_uris: Iterable[str], patterns: tuple[str, ...]) -> None:
    """Refuse redirect URIs to hosts that the operator does not accept.

    Raises:
        InvalidRedirectUri: it names the host, and the setting that would have to list it.

    Spec: RFC 7591 s5
    """
    if patterns == ANY_HOST:
        return
    hosts = tuple(pattern for pattern in patterns if pattern.removeprefix("!") not in _WORDS)
    for uri in redirect_uris:
        parsed = parse(uri)
        word = "app" if parsed.scheme not in DEFAULT_PORTS else "loopback" if parsed.names_this_machine else None
        host = (parsed.host or "").lower()
        if word is not None:
            if f"!{word}" in patterns:
                raise _refused(_WORDS[word], f"take !{word} out of")
        elif not host_is_accepted(host, hosts):
            raise _refused(host, f"accept {host} in")


def _refused(place: str, change: str) -> InvalidRedirectUri:
    return InvalidRedirectUri(
        f"Redirect URIs to {place} are not accepted here. The operator would have to {change} "
        "registration_redirect_hosts, or to add this client by hand.",
        Reason.REDIRECT_HOST,
    )


def _fits(host: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern

"""The only URI parser: strict, so that no browser, proxy or client can parse the same string differently.

It refuses what parsers are known to disagree about: characters outside RFC 3986, backslashes, blanks, userinfo,
fragments, and encoded dot segments or slashes. It also refuses doubly escaped octets, hosts of numbers that are not
plain dotted quads, zone ids, empty labels and odd ports. It keeps the spelling; `origin` gives the canonical one.

Implements RFC 3986 s3 (a subset). Does not know what a URI is used for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from doorward.oauth.addresses import is_plain_loopback, names_this_machine

URI_LIMIT_CHARS = 4096
DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT_MAX = 65_535

_PCHAR = r"[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    rf"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?]*))?((?:/(?:{_PCHAR}|/)*)?)(?:\?((?:{_PCHAR}|[/?])*))?"
).fullmatch
_FRAGMENT = re.compile(rf"(?:{_PCHAR}|[/?])*").fullmatch
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([1-9][0-9]{0,4}))?").fullmatch
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*").fullmatch
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)").fullmatch
_ESCAPED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_HIDDEN_IN_PATH = re.compile(r"%(?:2[Ff]|5[Cc]|25[0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"(?:\.|%2[Ee]){1,2}(?:;.*)?").fullmatch


class InvalidUri(ValueError):
    """The string is not a URI with only one reading. The message is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts, with their original spelling."""

    scheme: str
    host: str | None
    """With brackets when it is an IPv6 literal; empty after `scheme:///`; None after `scheme:/`."""
    port: int | None
    path: str
    query: str | None

    @property
    def origin(self) -> str:
        """Scheme, host and port in canonical spelling."""
        scheme = self.scheme.lower()
        port = "" if self.port in (None, DEFAULT_PORTS.get(scheme)) else f":{self.port}"
        return f"{scheme}://{(self.host or '').lower()}{port}"

    @property
    def names_this_machine(self) -> bool:
        """Whether the host is the machine of the person who opens the URI, in any spelling."""
        return names_this_machine(self.host or "")

    @property
    def is_plain_loopback(self) -> bool:
        """Whether every program treats the host as this machine."""
        return is_plain_loopback(self.host or "")


def parse(uri: str, *, fragment_allowed: bool = False) -> Uri:
    """Split a URI into its parts; a fragment, if allowed, is checked and dropped.

    Raises:
        InvalidUri: the message says what cannot be accepted.
    """
    if len(uri) > URI_LIMIT_CHARS:
        raise InvalidUri(f"It is longer than {URI_LIMIT_CHARS} characters.")
    body, hash_sign, fragment = uri.partition("#")
    if hash_sign and not (fragment_allowed and _FRAGMENT(fragment)):
        raise InvalidUri("It must not have a fragment.")
    found = _URI(body)
    if found is None:
        raise InvalidUri("It is not an absolute URI.")
    scheme, authority, path, query = found.groups()
    if authority is None and not path:
        raise InvalidUri("It has neither a host nor a path.")
    host, port = _host_and_port(scheme, authority)
    _check_path(path)
    if _ESCAPED_CONTROL.search(uri):
        raise InvalidUri("It holds an escaped control character.")
    return Uri(scheme, host, port, path, query)


def parse_http(uri: str, *, fragment_allowed: bool = False) -> Uri:
    """Parse an `http` or `https` URL with a host, in any case.

    Raises:
        InvalidUri: the message says what cannot be accepted.
    """
    parsed = parse(uri, fragment_allowed=fragment_allowed)
    if parsed.scheme.lower() not in DEFAULT_PORTS or not parsed.host:
        raise InvalidUri("It is not an http or https URL with a host.")
    return parsed


def _host_and_port(scheme: str, authority: str | None) -> tuple[str | None, int | None]:
    if not authority:
        return authority, None
    found = _AUTHORITY(authority)
    if found is None:
        raise InvalidUri("It must not have userinfo." if "@" in authority else "Its host or port is malformed.")
    host, port_text = found.groups()
    port = int(port_text) if port_text else None
    if port is not None and port > _PORT_MAX:
        raise InvalidUri("Its port is larger than 65535.")
    if scheme.lower() in DEFAULT_PORTS:
        _check_host(host)
    return host, port


def _check_host(host: str) -> None:
    labels = host.split(".")
    # Browsers read every host that ends in a number as an address: 127.1, 0x7f.1 and 2130706433 are all 127.0.0.1.
    if host.startswith("[") or _NUMERIC_LABEL(labels[-1]):
        if _address(host) is None:
            raise InvalidUri("Its host is not a plainly written address.")
    elif not all(map(_LABEL, labels)):
        raise InvalidUri("Its host is not a plainly written name.")


def _check_path(path: str) -> None:
    if any(map(_DOT_SEGMENT, path.split("/"))):
        raise InvalidUri("Its path holds a dot segment.")
    if _HIDDEN_IN_PATH.search(path):
        raise InvalidUri("Its path holds an escaped slash, backslash or percent sign.")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        return None

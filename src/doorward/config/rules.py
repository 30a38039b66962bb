"""Validity rules: those of single settings, and those between several.

A rule returns the value in canonical form, or raises `Fault`. Values that reduce security are refused unless another
setting, with a name that says so, allows them.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from doorward.config.bounds import HIGHEST_PORT
from doorward.config.database import database
from doorward.config.faults import Fault, shown
from doorward.config.header_rules import NO_REQUEST_TO_ADD_TO, forward_headers, token_header, upstream_headers
from doorward.config.model import CommandTarget, UrlTarget
from doorward.config.trusted_issuers import trusted_issuers
from doorward.oauth.addresses import is_private_to_this_machine
from doorward.oauth.public_url import canonical_origin
from doorward.paths import RESERVED_FIRST_SEGMENTS, first_segment, is_below, origin_of, path_of

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_PASSWORD_CHARACTERS = 8
_REGISTRATION_TOKEN_CHARACTERS = 16
MASTER_KEY_BYTES = 32
TITLE_CHARACTERS = 100


def _host(value: str) -> str:
    name = value.strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            raise Fault(
                f"{shown(value)} is not an address", "", "Write an IP address or a host name, without scheme or port."
            ) from None
    return name


def _path(value: str) -> str:
    why = "Clients compare the address of a door byte by byte, so it has one plain spelling."
    if not value.startswith("/"):
        raise Fault(f"{shown(value)} does not start with a slash", why, f"Write /{value.strip('/')}")
    path = value.rstrip("/")
    if not path:
        raise Fault(
            f"{shown(value)} is the root", "The root belongs to Doorward's own pages.", "Write for example /mcp"
        )
    segments = path[1:].split("/")
    if segments[0] in RESERVED_FIRST_SEGMENTS:
        raise Fault(f"{shown(value)} is a path of Doorward's own", f"/{segments[0]} has a meaning already.")
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise Fault(
                f"{shown(value)} is not a plain path", why, "Use letters, digits, - and _ between single slashes."
            )
    return path


def _scopes(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise Fault("the list of scopes is empty", "A door without a scope would grant nothing that can be named.")
    for scope in value:
        if not _SCOPE.fullmatch(scope):
            raise Fault(
                f"{shown(scope)} is not a scope", "A scope is printable ASCII without blanks, quotes or backslashes."
            )
    return tuple(dict.fromkeys(value))


def _scope_table(value: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name, scopes in value.items():
        if not name or not name.isprintable() or " " in name:
            raise Fault(f"{shown(name)} names nothing", "", "Write a name, or a glob such as delete_*.")
        if not scopes:
            raise Fault(f"{shown(name)} has no scopes", "", f'Write "{name}" = ["one"], or take the line out.')
    return {name: _scopes(scopes) for name, scopes in value.items()}


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_origin(each) for each in value))


def _origin(value: str) -> str:
    if value in ("*", "null"):
        raise Fault(
            f"{shown(value)} would let any web page call the door",
            "A page that a user happens to open could then act in their name.",
            "List each origin, such as https://app.example.com",
        )
    parts = _parts(value)
    if parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query or parts.fragment:
        raise Fault(f"{shown(value)} is not an origin", "", "Write scheme and host only: https://app.example.com")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _hosts(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        name, _, port = each.rpartition(":") if re.search(r":\d+$", each) and not each.endswith("]") else (each, "", "")
        if each == "*":
            raise Fault(
                f"{shown(each)} would accept any Host",
                "The check stops web pages that point a name of their own at this machine (DNS rebinding).",
                "List each host name.",
            )
        _host(name)
        if port and not 1 <= int(port) <= HIGHEST_PORT:
            raise Fault(f"{shown(each)} has no possible port")
    return tuple(dict.fromkeys(each.lower() for each in value))


def _host_patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    patterns = tuple(dict.fromkeys(each.lower() for each in value))
    for pattern in patterns:
        name = pattern.removeprefix("!")
        if name != "*" and not _HOST_NAME.fullmatch(name.removeprefix("*.")):
            raise Fault(
                f"{shown(pattern)} is not a host", "", "Write client.example, *.client.example or !client.example."
            )
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        raise Fault(
            "every host in the list is refused and none accepted",
            "A list without an accepted host accepts nobody.",
            'Add "*" to accept every other host, or leave the list empty to accept none.',
        )
    return patterns


def _registration_token(value: str) -> str:
    if any(len(each) < _REGISTRATION_TOKEN_CHARACTERS for each in value.split()):
        raise Fault(
            "the token is too short",
            f"Anyone who guesses it can register clients; at least {_REGISTRATION_TOKEN_CHARACTERS} characters.",
        )
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError:
            raise Fault(
                f"{shown(each)} is not an address or network", "", "Write for example 10.0.0.0/8 or 127.0.0.1."
            ) from None
    return value


def _master_key(value: str) -> str:
    try:
        good = len(base64.b64decode(value, validate=True)) == MASTER_KEY_BYTES
    except ValueError:
        good = False
    if not good:
        raise Fault(
            f"the master key is not {MASTER_KEY_BYTES} bytes in base64",
            "All other keys are kept encrypted under it, so it has to be random.",
            f"Make one: openssl rand -base64 {MASTER_KEY_BYTES}",
        )
    return value


def _owner_password(value: str) -> str:
    if len(value) < _PASSWORD_CHARACTERS:
        raise Fault(
            "the password is too short",
            f"Anyone who guesses it can let any client in; at least {_PASSWORD_CHARACTERS} characters.",
        )
    return value


def _title(value: str) -> str:
    title = value.strip()
    if not title.isprintable() or len(title) > TITLE_CHARACTERS:
        raise Fault(
            f"{shown(value)} is not a title", "", f"Write one line of at most {TITLE_CHARACTERS} printable characters."
        )
    return title


FIELD_RULES: Mapping[str, Callable[[Any], Any]] = {
    "host": _host,
    "path": _path,
    "title": _title,
    "scopes": _scopes,
    "tool_scopes": _scope_table,
    "method_scopes": _scope_table,
    "scope_implies": _scope_table,
    "registration_token": _registration_token,
    "registration_redirect_hosts": _host_patterns,
    "metadata_document_hosts": _host_patterns,
    "trusted_issuers": trusted_issuers,
    "token_header": token_header,
    "allowed_origins": _origins,
    "allowed_hosts": _hosts,
    "trusted_proxies": _networks,
    "metrics_from": _networks,
    "database": database,
    "master_key": _master_key,
    "owner_password": _owner_password,
    "forward_headers": forward_headers,
    "upstream_headers": upstream_headers,
}


def public_url(value: str, path: str | None) -> str:
    """Return the canonical public URL, without the path of the only door at its end.

    Raises:
        Fault: clients could not use it.
    """
    parts = _parts(value)
    if parts.scheme == "http" and not is_private_to_this_machine(parts.hostname or ""):
        raise Fault(
            f"{shown(value)} is not https",
            "MCP clients refuse to sign in over http, except on the machine they run on: "
            "codes and tokens would travel in clear.",
            f"Write https://{parts.netloc.rpartition('@')[2]} and let a proxy or tunnel in front hold the certificate.",
        )
    rest = parts.path.rstrip("/")
    if parts.query or parts.fragment:
        raise Fault(
            f"{shown(value)} has more than a path",
            "Every published address is this URL and a path behind it.",
            f"Write {parts.scheme}://{parts.netloc}{rest}",
        )
    base = rest.removesuffix(path) if path else rest
    _check_base(value, base)
    try:
        return canonical_origin(f"{parts.scheme}://{parts.netloc}") + base
    except ValueError as error:
        raise Fault(f"{shown(value)} cannot be a public URL", str(error)) from None


def _check_base(value: str, base: str) -> None:
    """Refuse a path of the public URL that is ambiguous for proxies, whether they remove it or not."""
    if not base:
        return
    if not all(map(_SEGMENT.fullmatch, base[1:].split("/"))):
        raise Fault(
            f"{shown(value)} does not have a plain path",
            "Clients and proxies compare it byte by byte.",
            "Use letters, digits, - and _ between single slashes.",
        )
    if first_segment(base) in RESERVED_FIRST_SEGMENTS:
        raise Fault(
            f"{shown(value)} begins with a path of Doorward's own",
            f"/{first_segment(base)} has a meaning already, which a proxy that takes the path off would reveal.",
            "Choose another path.",
        )


def below_public_url(path: str, public: str | None) -> None:
    """Refuse the path of a door that begins with the path of the public URL.

    Raises:
        Fault: it does.
    """
    base = path_of(public or "")
    if not base or not is_below(base, path):
        return
    rest = path.removeprefix(base)
    raise Fault(
        f"{shown(path)} begins with the path of the public URL",
        f"The path of a door counts from there, so this one would be {shown(base + path)} to clients.",
        f"Write {rest}" if rest else f"Write {origin_of(public or '')} as the public URL, or choose another path.",
    )


def _parts(value: str) -> SplitResult:
    try:
        parts = urlsplit(value.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Fault(f"{shown(value)} is not a URL", str(error)) from None
    if parts.scheme not in ("http", "https") or not host:
        plain = "://" not in value and _HOST_NAME.fullmatch(re.split("[/:]", value, maxsplit=1)[0])
        raise Fault(f"{shown(value)} is not an https URL", "", f"Write https://{value}" if plain else "")
    if parts.username is not None or parts.password is not None:
        raise Fault(f"{shown(value)} holds a credential", "Published addresses are read by everybody.")
    return parts


def _scopes_without_a_check(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Fault]]:
    for name in ("tool_scopes", "method_scopes"):
        if values["auth"] == "none" and values[name]:
            yield (
                (name, "auth"),
                Fault(
                    "nobody's scopes are known without a check",
                    "With `auth = none` every caller may call every tool, whatever this table says.",
                    "Use `--auth token` or `--auth oauth`, or take the table out.",
                ),
            )


def _registration_without_a_token(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Fault]]:
    if values["registration"] == "token" and values["registration_token"] is None:
        yield (
            ("registration", "registration_token"),
            Fault(
                "registration takes a token, but none is set",
                "Nobody could register, which `off` says plainly.",
                "Set DOORWARD_REGISTRATION_TOKEN (or a file with it, registration_token_file).",
            ),
        )


def _headers_for_nobody(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Fault]]:
    target = values["target"]
    if values["upstream_headers"] is not None and target is not None and not isinstance(target, UrlTarget):
        yield ("upstream_headers", "target"), NO_REQUEST_TO_ADD_TO
    if values["forward_headers"] and isinstance(target, CommandTarget):
        yield (
            ("forward_headers", "target"),
            Fault("a command gets no headers at all", "It is reached by its standard input.", "Take it out."),
        )


def cross_field_rules(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Fault]]:
    """Yield the faults between settings, each with their names; the first one is the setting to change."""
    host = values["host"]
    if not is_private_to_this_machine(host) and values["public_url"] is None:
        yield (
            ("host", "public_url"),
            Fault(
                f"{shown(host)} can be reached from elsewhere, but nothing says under which address",
                "Metadata, issuer and resource carry the address that clients type; no socket can tell it.",
                "Add the public URL (--public-url https://mcp.example.com), or listen on 127.0.0.1.",
            ),
        )
    yield from _registration_without_a_token(values)
    if values["database"] == "memory://" and values["workers"] > 1:
        yield (
            ("workers", "database"),
            Fault(
                f"{values['workers']} workers cannot share a database in memory",
                "A client registered at one worker would be unknown to the next.",
                "Use one worker, or sqlite:///PATH.",
            ),
        )


def cross_field_rules_of_door(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Fault]]:
    """Yield the faults between the settings of one door and the installation's, as `cross_field_rules` does."""
    host, public = values["host"], values["public_url"]
    exposed = not is_private_to_this_machine(host)
    published = public is not None and not is_private_to_this_machine(urlsplit(public).hostname or "")
    if values["auth"] == "none" and (exposed or published) and not values["allow_public_without_auth"]:
        place = shown(host) if exposed else shown(public)
        yield (
            ("auth", "host", "public_url", "allow_public_without_auth"),
            Fault(
                f"`none` on {place} lets everyone who reaches it call every tool",
                "Without a check, the network is the only protection.",
                "Use `--auth token`, or say so with --allow-public-without-auth.",
            ),
        )
    yield from _scopes_without_a_check(values)
    yield from _headers_for_nobody(values)

"""Published URLs that expose an internal name, address, port or scheme behind the proxy.

Knows the URL that the user typed and the URLs that were found, and sends no requests.

Spec: RFC 9728 s3; RFC 6761 s6.3; RFC 6890 s2.2
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from doorward.doctor.engine.check import Finding, found
from doorward.doctor.network.links import urlsplit
from doorward.oauth.addresses import is_private_to_this_machine, reach

_INNER_SUFFIXES = (".local", ".internal", ".lan", ".svc", ".localdomain", ".home.arpa", ".localhost")
_URL_NAMES = ("issuer", "resource", "registration_client_uri")
_OF_THE_ENDPOINT = ("resource", "resource_metadata_uri")
_URL_ENDINGS = ("_endpoint", "_uri")


def why_inner(typed: str, url: str, *, own: bool = False) -> str:
    """Say why a URL cannot be meant for those who typed theirs; empty when it can.

    `own`: the URL is of the endpoint itself, so that another port is wrong, also on the user's own machine.
    """
    mine, theirs = urlsplit(typed), urlsplit(url)
    here, there = mine.hostname or "", theirs.hostname or ""
    if mine.scheme == "https" and theirs.scheme == "http":
        return "http in place of https"
    if not there or not _is_inner(there):
        return ""
    if is_private_to_this_machine(here) and is_private_to_this_machine(there):
        return "another port of this machine" if own and mine.port != theirs.port else ""
    if there == here or (
        _is_inner(here) and not is_private_to_this_machine(here) and not is_private_to_this_machine(there)
    ):
        return ""
    return "a name or address of the inside"


def _is_inner(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(_INNER_SUFFIXES)
    return reach(host) != "public"


def inner_urls(typed: str, where: str, members: Mapping[str, Any]) -> list[Finding]:
    """Return one finding that lists every member which shows the inside; none when none does."""
    offending = [
        f"{name}: {url} ({why})"
        for name, url in _urls(members)
        if url != typed and (why := why_inner(typed, url, own=name in _OF_THE_ENDPOINT))
    ]
    if not offending:
        return []
    summary = f"{where} shows an address of the inside: {', '.join(line.partition(':')[0] for line in offending)}."
    return [found("DSC-04", summary, [f"typed: {typed}", *offending])]


def _urls(members: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = []
    for name, value in members.items():
        if isinstance(value, str) and (name in _URL_NAMES or name.endswith(_URL_ENDINGS)):
            listed.append((name, value))
        if name == "authorization_servers" and isinstance(value, list):
            listed += [(name, each) for each in value if isinstance(each, str)]
    return listed

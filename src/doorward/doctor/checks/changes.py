"""Changes of metadata and keys over time.

Compares with the baseline of an earlier examination, and with what this one saw at its start.

Spec: RFC 8414 s3; RFC 7517 s5
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from doorward.doctor.checks.access import keys_of
from doorward.doctor.engine.check import Finding, Picture, Steps, found
from doorward.doctor.engine.requests import Request, Together
from doorward.doctor.network.links import urlsplit

_FIXED = {
    "resource": ("resource", "authorization_servers"),
    "server": ("issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri"),
}
"""Members that clients cache, or need for a sign-in on another day."""
_AT_ONCE = 10
_NEEDS = "needs --repeat or --baseline"


def documents(picture: Picture) -> Steps:
    """Compare both documents with the baseline, and fetch them again: they must be unchanged."""
    picture.remembered |= {"resource": picture.resource, "server": picture.server}
    if picture.server is None and picture.resource is None:
        picture.skip("there is no metadata", "LIFE-01")
        return []
    if not picture.repeat and picture.baseline is None:
        picture.skip(_NEEDS, "LIFE-01")
        return []
    findings: list[Finding] = []
    lines = list(_differences(picture.baseline or {}, {"resource": picture.resource, "server": picture.server}))
    if lines:
        summary = "What clients remember has changed since the baseline was saved."
        findings.append(found("LIFE-01", summary, lines))
    for name, url in _places(picture):
        request = Request("GET", url, {"accept": "application/json"})
        now = {name: (yield request).document}
        if not lines and (lines := list(_differences({name: getattr(picture, name)}, now))):
            findings.append(found("LIFE-01", "The metadata changed while it was examined.", [f"> GET {url}", *lines]))
    return findings


def _places(picture: Picture) -> Iterator[tuple[str, str]]:
    """Yield the specified URL of each document."""
    server, resource = picture.server, picture.resource
    if server is not None and isinstance(server.get("issuer"), str):
        parts = urlsplit(server["issuer"])
        path = parts.path.rstrip("/")
        yield "server", f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
    if resource is not None:
        named = picture.challenge.get("resource_metadata", "")
        usual = f"{picture.origin}/.well-known/oauth-protected-resource{picture.path}"
        yield "resource", named if named.startswith(("http://", "https://")) else usual


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members that changed or are gone; new ones do no harm."""
    for name, members in _FIXED.items():
        old, new = before.get(name), now.get(name)
        if not isinstance(old, dict) or not isinstance(new, dict):
            continue
        for member in members:
            if member in old and old[member] != new.get(member):
                yield f"{member}: was {old[member]!r}, is {new.get(member)!r}"


def keys(picture: Picture) -> Steps:
    """Fetch the published keys over new connections, and compare them with the baseline."""
    at = (picture.server or {}).get("jwks_uri")
    if not isinstance(at, str):
        picture.skip("the metadata names no jwks_uri", "STO-03")
        return []
    if not picture.repeat and picture.baseline is None:
        picture.skip(_NEEDS, "STO-03")
        return []
    request = Request("GET", at, {"accept": "application/json"})
    count = max(1, min(picture.repeat, _AT_ONCE))
    answers = (yield Together((request,) * count)).parts
    sets = [sorted(str(key.get("kid")) for key in found_keys) for each in answers if (found_keys := keys_of(each))]
    if not sets:
        picture.skip("there are no keys at jwks_uri", "STO-03")
        return []
    picture.remembered["kids"] = sets[0]
    different = list(dict.fromkeys(", ".join(each) for each in sets))
    if len(different) > 1:
        evidence = [f"> GET {at}, {len(sets)} times over new connections", *(f"kids: {each}" for each in different)]
        return [found("STO-03", "The published keys differ from one connection to the next.", evidence)]
    before = (picture.baseline or {}).get("kids")
    if isinstance(before, list) and before and not set(map(str, before)) & set(sets[0]):
        evidence = [f"> GET {at}", f"kids in the baseline: {', '.join(map(str, before))}", f"kids now: {different[0]}"]
        summary = "No key of the baseline is published any more."
        return [found("STO-03", summary, evidence, verdict="risk")]
    return []


CHECKS = (documents, keys)

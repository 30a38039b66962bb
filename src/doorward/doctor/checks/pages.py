"""The sign-in page: how it is reached, what its policy blocks, its cookies, and whether it can be reloaded.

No form is submitted; faults that only show then are left to the sign-in.

Spec: CSP Level 3 s6.4.2; RFC 6265 s4.1.2; RFC 6749 s4.1.2
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace

from doorward.doctor.engine.check import Finding, Picture, found, seen
from doorward.doctor.engine.requests import Ask, Request, Response
from doorward.doctor.network.links import urljoin, urlsplit

Hops = list[tuple[Request, Response]]
_HOPS_MAX = 5
# No match contains another tag, so each character is scanned once, however many tags are left open.
_META = re.compile(r"(?i)<meta\s([^<>]++)>")
_CONTENT = re.compile(r"""(?i)\bcontent=(?:"([^"]*)"|'([^']*)')""")
_INPUT = re.compile(r"(?i)<input\s([^<>]++)>")
_ATTRIBUTE = re.compile(r"""(?i)\b(type|name|value)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_COOKIES = re.compile(r",\s*(?=[!#$%&'*+.^_`|~0-9A-Za-z-]+=)")
_NETWORK_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_AUTHORITY = re.compile(r"(.*?)(?::(\*|[0-9]*))?")
_TOKEN_CHARS_MIN = 8


def walk(request: Request, redirect_uris: list[str]) -> Generator[Ask, Response, Hops]:
    """Follow redirects like a browser, with cookies, up to a page or the client; the client is not requested."""
    hops: Hops = []
    cookies: dict[str, dict[str, str]] = {}
    ends = {_without_port(uri) for uri in redirect_uris}
    for _ in range(_HOPS_MAX):
        response = yield request
        hops.append((request, response))
        host = urlsplit(request.url).netloc
        cookies.setdefault(host, {}).update({name: value for name, value, _ in cookies_of(response)})
        target = urljoin(request.url, response.headers.get("location", ""))
        there = urlsplit(target)
        back = _without_port(target) in ends or there.scheme not in {"http", "https"}
        if response.status not in range(300, 400) or back:
            break
        kept = "; ".join(f"{name}={value}" for name, value in cookies.get(there.netloc, {}).items())
        headers = {name: value for name, value in request.headers.items() if name != "cookie"}
        request = Request("GET", target, headers | ({"cookie": kept} if kept else {}))
    return hops


def _without_port(uri: str) -> tuple[str, str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname or "", parts.path


def cookies_of(response: Response) -> list[tuple[str, str, str]]:
    """Return name, value and attributes of each cookie that a response sets."""
    found_here = []
    for line in _COOKIES.split(response.headers.get("set-cookie", ""))[:50]:
        pair, _, attributes = line.partition(";")
        name, sign, value = pair.strip().partition("=")
        if sign:
            found_here.append((name, value, attributes.lower()))
    return found_here


def page(picture: Picture, hops: Hops) -> Generator[Ask, Response, list[Finding]]:
    """Judge the final page, and load it again."""
    findings = _cookies(hops)
    request, response = hops[-1]
    if response.status not in range(200, 300):
        return findings
    findings += _policy(picture, request, response)
    kept = "; ".join(f"{name}={value}" for name, value, _ in cookies_of(response))
    earlier = request.headers.get("cookie", "")
    headers = {**request.headers, "cookie": "; ".join(filter(None, (earlier, kept)))}
    second = replace(request, headers=headers if headers["cookie"] else request.headers)
    return [*findings, *_reloaded((request, response), (second, (yield second)))]


def _cookies(hops: Hops) -> list[Finding]:
    """Find cookies that browsers reject, or do not send back from another site."""
    mine = urlsplit(hops[0][0].url)
    leaves = any(urlsplit(request.url).netloc != mine.netloc for request, _ in hops)
    for request, response in hops:
        parts = urlsplit(request.url)
        if parts.netloc != mine.netloc:
            continue
        for name, _, attributes in cookies_of(response):
            listed = [each.strip() for each in attributes.split(";")]
            shown = [f"> GET {request.url}", f"< set-cookie: {name}=***; {'; '.join(listed)}"]
            if "samesite=none" in listed and "secure" not in listed:
                summary = f"Browsers refuse the cookie {name}: SameSite=None without Secure."
                return [found("AUT-09", summary, shown)]
            if "samesite=strict" not in listed or "max-age=0" in listed:
                continue
            if leaves:
                summary = f"The cookie {name} is SameSite=Strict, and the sign-in leads over another site."
                return [found("AUT-09", summary, shown)]
            summary = f"The cookie {name} is SameSite=Strict: it would not come back from a sign-in at another site."
            return [found("AUT-09", summary, shown, verdict="note")]
    return []


def _reloaded(first: tuple[Request, Response], second: tuple[Request, Response]) -> list[Finding]:
    """Compare two loads of the same page."""
    before, after = first[1], second[1]
    if after.status >= 400 and after.status != 429:  # noqa: PLR2004
        summary = f"The page can be loaded once; the second time it answers {after.status}."
        return [found("AUT-10", summary, [f"first: {before.status}", *seen(*second)])]
    old, new = _hidden(before), _hidden(after)
    changed = [name for name in old if name in new and old[name] != new[name]]
    slots = {name: value for name, value, _ in cookies_of(before)}
    overwritten = [name for name, value, _ in cookies_of(after) if name in slots and slots[name] != value]
    if not changed or not overwritten:
        return []
    summary = "A second load makes a new form token and overwrites the cookie of the first, whose form may be dead."
    evidence = [f"> GET {first[0].url.partition('?')[0]}, twice", f"hidden input that changed: {', '.join(changed)}"]
    evidence.append(f"cookie that was overwritten: {', '.join(overwritten)}")
    return [found("AUT-10", summary, evidence, verdict="risk")]


def _hidden(response: Response) -> dict[str, str]:
    """Return the hidden inputs of a page whose values may be tokens."""
    text = response.body.decode("utf-8", "replace")
    values = {}
    for tag in _INPUT.findall(text)[:100]:
        facts = {name.lower(): one or two or three for name, one, two, three in _ATTRIBUTE.findall(tag)}
        if facts.get("type", "").lower() == "hidden" and len(facts.get("value", "")) >= _TOKEN_CHARS_MIN:
            values[facts.get("name", "")] = facts["value"]
    return values


def _policy(picture: Picture, request: Request, response: Response) -> list[Finding]:
    """Find callbacks that the page's policy blocks: Chromium applies it to each redirect after the form."""
    policies = [response.headers.get("content-security-policy", "")]
    policies += _meta_policies(response.body.decode("utf-8", "replace"))
    blocked: dict[str, list[str]] = {}
    directives: list[str] = []
    for policy in policies:
        for directive in policy.replace(",", ";").split(";"):
            name, *allowed = directive.split()[:50] or [""]
            if name.lower() != "form-action":
                continue
            directives.append(directive.strip())
            for profile in picture.clients.values():
                shut = [uri for uri in profile.redirect_uris if not permits(allowed, uri, request.url)]
                if shut:
                    blocked.setdefault(profile.name, []).extend(shut)
    if not blocked:
        return []
    evidence = [*seen(request, response, body=False), *(f"directive: {each}" for each in directives)]
    evidence += [f"{picture.clients[name].title}: {', '.join(dict.fromkeys(uris))}" for name, uris in blocked.items()]
    summary = "form-action of the page blocks the redirect to the client."
    return [found("AUT-02", summary, evidence, clients=list(blocked))]


def _meta_policies(text: str) -> list[str]:
    tags = [tag for tag in _META.findall(text) if "content-security-policy" in tag.lower()]
    return [double or single for tag in tags for double, single in _CONTENT.findall(tag)]


def permits(allowed: list[str], uri: str, here: str) -> bool:
    """Return whether a source list allows a form to lead to a URI."""
    return any(_matches(source.lower(), uri, here) for source in allowed)


def _matches(source: str, uri: str, here: str) -> bool:
    mine, theirs = urlsplit(here), urlsplit(uri)
    if source == "*":
        return theirs.scheme in _NETWORK_SCHEMES
    if source == "'self'":
        return (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc)
    if source.endswith(":") and "/" not in source:
        return source[:-1] == theirs.scheme or (source == "http:" and theirs.scheme == "https")
    scheme, sign, rest = source.rpartition("://")
    schemes = {scheme, "https"} if scheme == "http" else {scheme}
    if theirs.scheme not in (schemes if sign else _NETWORK_SCHEMES):
        return False
    # After a redirect, and there always is one, the path of a source is ignored.
    host, port = _AUTHORITY.fullmatch(rest.partition("/")[0]).groups()  # type: ignore[union-attr]
    return _host_matches(host, theirs.hostname or "") and (port == "*" or (port or "") == str(theirs.port or ""))


def _host_matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern.strip("[]") == host

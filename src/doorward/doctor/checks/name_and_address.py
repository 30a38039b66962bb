"""Name, address and certificate: whether the server is reachable, and in every way that its name promises.

Spec: RFC 6890 s2.2; RFC 8446 s4.2.1; RFC 9525 s6
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from doorward.doctor.engine.check import Finding, Picture, Steps, found, seen
from doorward.doctor.engine.messages import discover, initialize
from doorward.doctor.engine.parts import Reached
from doorward.doctor.engine.requests import Connect, Lookup, Request, Response, Together
from doorward.doctor.network.links import urlsplit

DAYS_LEFT_MIN = 14
_NETWORK = {"unresolved": "NET-05", "tls": "TLS-01"}
_UNANSWERED = frozenset({"timeout", "unreachable"})

Tried = list[tuple[Connect, Response]]


def network(picture: Picture) -> Steps:
    """Reach the server: name, address, certificate; then each address family and TLS version separately."""
    handshake, probe = initialize(picture), discover(picture)
    ways = _ways(picture.url)
    lookups = tuple(Lookup("", picture.url, resolver=each) for each in picture.resolvers)
    answers = (yield Together((handshake, probe, *ways, *lookups))).parts
    elsewhere = list(zip(lookups, answers[2 + len(ways) :], strict=True))
    answers = answers[: 2 + len(ways)]
    answered = Reached(picture.endpoint, answers[0], answers[1])
    is_silent = _is_silent(answered.initialize) and not answered.is_discovered
    picture.reached = replace(answered, goes_on=bool(answered.initialize.status) and not is_silent)
    tried = list(zip(ways, answers[2:], strict=True))
    if picture.address == "loopback":
        picture.skip("the address is this machine: clients in a vendor's cloud cannot reach it", "NET-05")
    if not picture.initialize.status:
        return (yield from _not_reached(picture, handshake, tried))
    if is_silent:
        summary = "The answer is a stream that opens, and its event does not arrive."
        return [found("STR-01", summary, seen(handshake, picture.initialize), severity="blocker")]
    addresses = _addresses(tried)
    findings: list[Finding] = []
    if picture.address == "special":
        summary = "The name leads to an address that only an inner network reaches."
        findings.append(found("NET-05", summary, [picture.url, *addresses]))
    else:
        findings += _elsewhere(picture, elsewhere, addresses)
    return [*findings, *_ways_that_fail(tried), *_expiry(tried)]


def _is_silent(answer: Response) -> bool:
    """Return whether a response began, and timed out before any body."""
    return answer.status == 200 and answer.fault == "timeout" and answer.json is None  # noqa: PLR2004


def _ways(url: str) -> tuple[Connect, ...]:
    """Return the connections to try separately: a name may have two address families, https two versions."""
    parts = urlsplit(url)
    ways: tuple[Connect, ...] = ()
    if not _is_literal(parts.hostname or ""):
        ways += (Connect("", url, family="IPv4"), Connect("", url, family="IPv6"))
    if parts.scheme == "https":
        ways += (Connect("", url, tls="TLSv1.2", trusted=False), Connect("", url, tls="TLSv1.3", trusted=False))
        ways += (Connect("", url),) if _is_literal(parts.hostname or "") else ()
    return ways


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _not_reached(picture: Picture, request: Request, tried: Tried) -> Steps:
    """Report why nothing answers; if a handshake fails, with the chain and with what does work."""
    response = picture.initialize
    addresses = _addresses(tried)
    if response.fault == "blocked_address":
        summary = "The name resolves to an address that is not public."
        return [found("NET-05", summary, [*seen(request, response), *addresses])]
    name = _NETWORK.get(response.fault, "TLS-02")
    evidence = [*seen(request, response), *addresses]
    if urlsplit(picture.url).scheme == "https" and name != "NET-05":
        unnamed = Connect("", picture.url, named=False, trusted=False)
        untrusted = Connect("", picture.url, trusted=False)
        answers = (yield Together((untrusted, unnamed))).parts
        # A handshake that fails with and without verification has nothing to do with certificates.
        name = "TLS-01" if name == "TLS-01" and not answers[0].fault else "TLS-02"
        evidence += _chain(answers[0])
        evidence += _outcomes([*tried, *zip((untrusted, unnamed), answers, strict=True)])
    elif name != "NET-05":
        evidence += _outcomes(tried)
    words = {"NET-05": "The host name has no address.", "TLS-01": "The certificate chain cannot be verified."}
    if response.fault in {"timeout", "malformed", "too_large"}:
        return [found("TLS-02", "A request gets no answer that can be read.", evidence)]
    summary = words.get(name, "The host cannot be reached.")
    if name == "NET-05":
        # Without any address, local clients fail just like hosted ones.
        everybody = found(name, summary, evidence, clients=list(picture.clients))
        return [replace(everybody, fix="Look whether the name is spelled right, and publish an A or AAAA record.")]
    if response.fault == "tls" and name == "TLS-02":
        summary = "The TLS handshake fails, whatever the certificate is."
    return [found(name, summary, evidence)]


def _addresses(tried: Tried) -> tuple[str, ...]:
    return next((answer.addresses for _, answer in tried if answer.addresses), ())


def _words(way: Connect) -> str:
    named = "" if way.named else ", without the server's name"
    return f"{way.tls or way.family or 'TLS'}{named}"


def _outcomes(tried: Tried) -> list[str]:
    return [
        f"{_words(way)}: {answer.sentence or 'goes through'}" for way, answer in tried if answer.fault != "no_address"
    ]


def _elsewhere(picture: Picture, lookups: list[tuple[Lookup, Response]], here: tuple[str, ...]) -> list[Finding]:
    """Find a name that this network resolves, but the user's resolvers do not, or differently."""
    asked = [(ask, answer) for ask, answer in lookups if not answer.fault]
    shut = [ask.resolver for ask, answer in asked if not any(each.endswith("(public)") for each in answer.addresses)]
    if not shut:
        return []
    evidence = [picture.url, f"from here: {', '.join(here) or 'reached'}"]
    evidence += [f"{ask.resolver}: {', '.join(answer.addresses) or 'no address'}" for ask, answer in asked]
    summary = f"The name is reached from here, and has no public address at {', '.join(shut)}."
    return [found("NET-05", summary, evidence)]


def _ways_that_fail(tried: Tried) -> list[Finding]:
    """Find what works for one client and hangs for another: a dead record, a TLS version dropped on the way."""
    # A development server often listens on only one loopback address, and its clients try both.
    local = all(each.endswith("(loopback)") for each in _addresses(tried))
    dead = [] if local else [way for way, answer in tried if way.family and answer.fault in _UNANSWERED]
    evidence = _outcomes(tried)
    evidence += _addresses(tried)
    if dead:
        summary = f"The name has an {dead[0].family} address, and nothing answers there from here."
        # Not every machine has both families, so the fault may be on this side.
        return [found("TLS-02", summary, evidence, verdict="risk")]
    other = [way for way, answer in tried if way.family and answer.fault == "tls"]
    if other:
        summary = f"The certificate at the {other[0].family} address is not good, although another one is."
        return [found("TLS-01", summary, evidence, verdict="risk")]
    # Some servers refuse a version with a reset; silence means that something on the way drops it.
    versions = [way for way, answer in tried if way.tls and answer.fault == "timeout"]
    if versions:
        summary = f"A handshake with {versions[0].tls} alone gets no answer, not even a refusal."
        return [found("TLS-02", summary, evidence, verdict="risk")]
    return []


def _chain(answer: Response) -> list[str]:
    lines = []
    for place, link in enumerate(answer.chain):
        left = f"{link.days_left} days left" if link.days_left >= 0 else f"expired {-link.days_left} days ago"
        lines.append(f"{'certificate' if not place else 'sent with it'}: {link.subject}, from {link.issuer}, {left}")
    if answer.chain and answer.chain[-1].subject != answer.chain[-1].issuer:
        lines.append(f"the chain ends there: {answer.chain[-1].issuer} is not sent")
    return lines


def _expiry(tried: Tried) -> list[Finding]:
    with_chain = next((answer for _, answer in tried if answer.chain), None)
    if with_chain is None or min(link.days_left for link in with_chain.chain) > DAYS_LEFT_MIN:
        return []
    link = min(with_chain.chain, key=lambda each: each.days_left)
    summary = f"The certificate of {link.subject} has {link.days_left} days left, and then every client fails."
    return [found("TLS-01", summary, _chain(with_chain), verdict="risk")]

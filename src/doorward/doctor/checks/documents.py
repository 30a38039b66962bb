"""Faults that any well-known document can have: an HTML page, a login, a stale copy, two that disagree.

Spec: RFC 8615 s3; RFC 9111 s4.2, s5.1
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from doorward.doctor.engine.check import Finding, differing, found, seen
from doorward.doctor.engine.requests import Ask, Request, Response, Together

PRM = "/.well-known/oauth-protected-resource"
FRESH_SECONDS_MAX = 3600
_ERROR_SECONDS_MAX = 60
_MAX_AGE = re.compile(r"(?i)(?:^|[,\s])(?:s-maxage|max-age)\s*=\s*\"?([0-9]{1,10})")
Seen = list[tuple[Request, Response]]


def read(urls: Iterable[str]) -> Generator[Ask, Response, Seen]:
    """Fetch documents concurrently; if one came from a cache, fetch a fresh copy too."""
    requests = [Request("GET", url, {"accept": "application/json"}) for url in dict.fromkeys(urls)]
    answers = list(zip(requests, (yield Together(tuple(requests))).parts, strict=True))
    aged = next((pair for pair in answers if _age(pair[1]) > 0 and pair[1].document and "?" not in pair[0].url), None)
    if aged:
        request = replace(aged[0], url=f"{aged[0].url}?doorward-check=fresh")
        answers.append((request, (yield request)))
    return answers


def bad_documents(answers: Seen) -> list[Finding]:
    """Find pages and logins where documents belong."""
    findings: list[Finding] = []
    pages = [pair for pair in answers if pair[1].media_type == "text/html" and pair[1].status == 200]  # noqa: PLR2004
    pages += [pair for pair in answers if 300 <= pair[1].status < 400]  # noqa: PLR2004
    guarded = [pair for pair in answers if pair[1].status in {401, 403}]
    if pages:
        findings.append(found("DSC-05", "A page answers where metadata belongs.", seen(*pages[0])))
    if guarded:
        findings.append(found("DSC-08", "A metadata location asks for a login.", seen(*guarded[0])))
    return findings


def differences(one: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the members in which two documents differ, one line above the other."""
    lines: list[str] = []
    for name in names:
        if one.get(name) != other.get(name):
            lines += differing(f"{name}, there", str(one.get(name)), f"{name}, here", str(other.get(name)))
    return lines


def kept_too_long(answers: Seen) -> list[Finding]:
    """Find documents and errors that caches keep for longer than a repair may take."""
    # Look at the headers first: a document may be large, and is decoded on each access.
    kept = [(pair, seconds) for pair in answers if (seconds := _kept_seconds(pair[1])) > _ERROR_SECONDS_MAX]
    served = bool(kept) and any(response.document for _, response in answers)
    for (request, response), seconds in kept:
        is_document = bool(response.document)
        # If a document is served, an error only means that an optional location is empty.
        if seconds > (FRESH_SECONDS_MAX if is_document else _ERROR_SECONDS_MAX) and is_document is served:
            what = "The document" if is_document else f"The answer {response.status}"
            summary = f"{what} may be kept for {seconds} seconds, so a repair is not seen for so long."
            return [found("DSC-11", summary, seen(request, response, body=False), verdict="risk")]
    return _stale(answers)


def _kept_seconds(response: Response) -> int:
    control = response.headers.get("cache-control", "")
    match = _MAX_AGE.search(control)
    return 0 if "no-store" in control else max(int(match[1]) if match else 0, _age(response))


def _stale(answers: Seen) -> list[Finding]:
    fresh = next((pair for pair in answers if pair[0].url.endswith("?doorward-check=fresh")), None)
    if fresh is None or not fresh[1].document:
        return []
    old = next(pair for pair in answers if pair[0].url == fresh[0].url.partition("?")[0])
    apart = differences(
        old[1].document or {}, fresh[1].document, sorted({*(old[1].document or {}), *fresh[1].document})
    )
    if not apart:
        return []
    return [found("DSC-11", "A cache hands out an older document.", [*seen(*old, body=False), *apart])]


def _age(response: Response) -> int:
    age = response.headers.get("age", "")
    return int(age) if age.isascii() and age.isdecimal() and len(age) <= 10 else 0  # noqa: PLR2004

"""What a check is: a generator that yields requests, receives answers, and returns findings.

Owns the words shared by all checks (`Request`, `Response`, `Finding`) and the picture of the server that they add to.
A check knows no network, no clock and no client library, so it is tested by handing it answers.

Implements RFC 9110 s11.6.1 as far as a challenge must be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from doorward import strict_json
from doorward.doctor.masking import shown
from doorward.doctor.rules import Profile, Severity, profiles, rules
from doorward.oauth.addresses import Reach

_QUOTED = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SHOWN_HEADERS = (
    "location", "www-authenticate", "x-amzn-remapped-www-authenticate", "content-type", "allow",
    "server", "retry-after",
    "content-security-policy", "access-control-allow-origin", "access-control-allow-headers", "cf-mitigated",
)  # fmt: skip
_BODY_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What a check wants to be asked."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    until: bytes | None = None
    """Read no further than to these bytes of the body; empty: the head is enough. For answers that never end."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Status 0: nothing did, and `fault` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""
    sentence: str = ""

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def json(self) -> Any:
        """The body as JSON, or as the first JSON event of a stream; None when it is neither."""
        body = self.body
        if self.media_type == "text/event-stream":
            lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:") and b"{" in line]
            body = lines[0] if lines else b""
        try:
            return strict_json.decode(body)
        except strict_json.InvalidJson:
            return None

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object that was served as one."""
        found = self.json if self.status == 200 else None  # noqa: PLR2004
        return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to fix."""

    rule: str
    severity: Severity
    verdict: str
    """`broken`, `will break for CLIENTS`, `risk` or `note`."""
    clients: tuple[str, ...]
    summary: str
    evidence: tuple[str, ...]
    fix: str
    spec: str
    explains: tuple[str, ...] = ()
    """Rules that failed too, and need no fix of their own."""


@dataclass(slots=True)
class Picture:
    """What has been seen of one server so far."""

    url: str
    """As the user typed it."""
    clients: Mapping[str, Profile] = field(default_factory=profiles)
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the user wants sent to the endpoint in addition."""
    may_register: bool = True
    address: Reach = "public"
    """Where the name leads, seen from here."""
    reachable: bool = True
    initialize: Response = field(default_factory=lambda: Response(0))
    discovered: bool = False
    """Whether server/discover was answered without a token."""
    challenge: dict[str, str] = field(default_factory=dict)
    resource: dict[str, Any] | None = None
    server: dict[str, Any] | None = None
    registered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By client name: the registration reply, with the request's members filled in."""
    not_checked: dict[str, str] = field(default_factory=dict)
    """By rule: why."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL, as typed."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The path of the endpoint, without a last slash."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def is_open(self) -> bool:
        """Whether the endpoint answers without a token."""
        return self.discovered or self.initialize.status == 200  # noqa: PLR2004

    def skip(self, why: str, *names: str) -> None:
        """Note that rules could not be looked at."""
        for name in names:
            self.not_checked.setdefault(name, why)


Steps = Generator[Request, Response, list[Finding]]
Check = Callable[[Picture], Steps]


def found(
    name: str,
    summary: str,
    evidence: Sequence[str],
    *,
    verdict: str = "broken",
    clients: Sequence[str] | None = None,
    severity: Severity | None = None,
) -> Finding:
    """Build a finding of a rule; what is not given comes from the rule's data."""
    rule = rules()[name]
    stopped = tuple(rule.clients if clients is None else clients)
    if verdict == "broken" and len(stopped) < len(profiles()):
        verdict = f"will break for {', '.join(stopped)}"
    return Finding(
        rule=name,
        severity=severity or rule.severity,
        verdict=verdict,
        clients=stopped,
        summary=summary,
        evidence=tuple(shown(line) for line in evidence),
        fix=rule.fix,
        spec=rule.spec,
    )


def seen(request: Request, response: Response, *, body: bool = True) -> list[str]:
    """Return a request and its answer as lines of evidence."""
    lines = [f"> {request.method} {request.url}"]
    if not response.status:
        return [*lines, f"< no answer: {response.sentence or response.fault}"]
    lines.append(f"< {response.status}")
    lines += [f"< {name}: {response.headers[name]}" for name in _SHOWN_HEADERS if name in response.headers]
    text = response.body[:_BODY_SHOWN_CHARS].decode("utf-8", "replace").strip()
    return [*lines, f"< {text}"] if body and text else lines


def differing(left_name: str, left: str, right_name: str, right: str) -> list[str]:
    """Return two strings one above the other, with a mark under the first byte that differs."""
    width = max(len(left_name), len(right_name)) + 2
    at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    return [f"{left_name:<{width}}{left}", f"{right_name:<{width}}{right}", " " * (width + at) + "^ differs from here"]


def challenge_of(response: Response) -> dict[str, str]:
    """Read the parameters of a Bearer challenge; empty when there is none."""
    scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {name.lower(): quoted or bare for name, quoted, bare in _QUOTED.findall(rest)} | {"scheme": "Bearer"}

"""A check: a generator that yields requests, receives responses, and returns findings.

Owns the finding, and the picture of the server that checks add to. Tests pass responses to a check.

Implements RFC 9110 s11.6.1 as far as a challenge must be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from doorward import strict_json
from doorward.doctor.engine.dialogue import Dialogue
from doorward.doctor.engine.masking import shown
from doorward.doctor.engine.parts import Metadata, Reached, SignedIn
from doorward.doctor.engine.requests import Ask, Request, Response
from doorward.doctor.engine.rules import Profile, Severity, profiles, rules
from doorward.oauth.addresses import Reach

# Possessive, and never starting inside a word: otherwise a long word would be retried from each of its letters.
_QUOTED = re.compile(r'(?<![A-Za-z_])([A-Za-z_]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')
_SHOWN_HEADERS = (
    "location", "www-authenticate", "x-amzn-remapped-www-authenticate", "content-type", "allow",
    "server", "retry-after",
    "content-security-policy", "access-control-allow-origin", "access-control-allow-headers", "cf-mitigated",
    "cache-control", "age",
)  # fmt: skip
_BODY_SHOWN_CHARS = 200


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
    """Rules that failed too, and need no separate fix."""
    folds: bool = True
    """Whether the rules that its rule explains need no separate fix; False if the checks continued past this fault."""


@dataclass(slots=True)
class Picture:
    """Everything seen of one server so far."""

    url: str
    """As the user typed it."""
    clients: Mapping[str, Profile] = field(default_factory=profiles)
    headers: Mapping[str, str] = field(default_factory=dict)
    """The user's additional headers for the endpoint."""
    may_register: bool = True
    may_sign_in: bool = False
    """Whether a person can sign in."""
    repeat: int = 0
    """How often to repeat requests that may fail intermittently; 0: never."""
    address: Reach = "public"
    """Where the name leads, seen from here."""
    timeout_seconds: float = 60.0
    """The user's time limit for any response; a client may have a shorter one."""
    resolvers: tuple[str, ...] = ()
    """More resolvers to ask, chosen by the user: the system's resolver may know internal names."""
    reached: Reached = field(default_factory=lambda: Reached(""))
    """The endpoint's responses without a token."""
    get: Response = field(default_factory=lambda: Response(0))
    """The response to GET on the endpoint, without a token."""
    mcp: Dialogue = field(default_factory=Dialogue)
    """The MCP messages exchanged."""
    challenge: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the challenge to a request without a token."""
    resource_metadata: Metadata | None = None
    server_metadata: Metadata | None = None
    registered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By client name: the registration reply, with the request's members filled in."""
    token: str = ""
    """An access token: supplied by the user, or from the sign-in."""
    sign_in: SignedIn | None = None
    """None: no one has signed in."""
    callback: str = "http://127.0.0.1:33418/callback"
    """Where the person's browser is redirected."""
    secrets: set[str] = field(default_factory=set)
    """Secrets that the server issued: no line of a report may contain them."""
    first_call: Response = field(default_factory=lambda: Response(0))
    """The first initialize with a token."""
    baseline: Mapping[str, Any] | None = None
    """What an earlier examination stored, empty for the first one; None: don't compare."""
    remembered: dict[str, Any] = field(default_factory=dict)
    """What a later examination may compare with."""
    not_checked: dict[str, str] = field(default_factory=dict)
    """The reason for each skipped rule."""

    def __post_init__(self) -> None:
        if not self.reached.endpoint:
            self.reached = replace(self.reached, endpoint=self.url)

    @property
    def endpoint(self) -> str:
        """Where MCP is spoken: the URL, or its redirect target."""
        return self.reached.endpoint

    @property
    def initialize(self) -> Response:
        """The answer to the first initialize, without a token."""
        return self.reached.initialize

    @property
    def discover(self) -> Response:
        """The answer to the first server/discover, without a token."""
        return self.reached.discover

    @property
    def resource(self) -> dict[str, Any] | None:
        """The protected resource metadata that clients read; None if there is none."""
        return None if self.resource_metadata is None else self.resource_metadata.document

    @property
    def server(self) -> dict[str, Any] | None:
        """The authorization server metadata that clients read; None if there is none."""
        return None if self.server_metadata is None else self.server_metadata.document

    @property
    def documents(self) -> tuple[str, ...]:
        """URLs of the metadata documents that clients read."""
        return tuple(url for each in (self.resource_metadata, self.server_metadata) if each for url in each.urls)

    @property
    def signed_in(self) -> dict[str, Any]:
        """The token reply of the sign-in; empty if there was none."""
        return {} if self.sign_in is None else self.sign_in.reply

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
        return self.reached.is_open

    @property
    def token_supplied_by_user(self) -> bool:
        """True if the user supplied a token and the server advertises no authorization server."""
        handed_in = bool(self.token) and not self.signed_in
        return handed_in and bool(self.challenge) and "resource_metadata" not in self.challenge

    def is_down(self, response: Response) -> bool:
        """Return whether a response is a server fault that every request meets, and so says nothing of its own."""
        return response.status >= 500 and self.initialize.status >= 500  # noqa: PLR2004

    @property
    def can_call(self) -> bool:
        """Whether requests can get past the sign-in."""
        return self.is_open or bool(self.token)

    def skip(self, why: str, *names: str) -> None:
        """Note why rules were skipped."""
        for name in names:
            self.not_checked.setdefault(name, why)


Steps = Generator[Ask, Response, list[Finding]]
Check = Callable[[Picture], Steps]


def found(
    name: str,
    summary: str,
    evidence: Sequence[str],
    *,
    verdict: str = "broken",
    clients: Sequence[str] | None = None,
    severity: Severity | None = None,
    folds: bool = True,
) -> Finding:
    """Build a finding of a rule; missing values come from the rule's data."""
    rule = rules()[name]
    stopped = tuple(rule.clients if clients is None else clients)
    if verdict == "broken" and len(stopped) < len(profiles()):
        verdict = f"will break for {', '.join(stopped)}"
    return Finding(
        rule=name,
        severity="minor" if verdict == "note" else severity or rule.severity,
        verdict=verdict,
        clients=stopped,
        summary=summary,
        evidence=tuple(shown(line) for line in evidence),
        fix=rule.fix,
        spec=rule.spec,
        folds=folds,
    )


def seen(request: Request, response: Response, *, body: bool = True) -> list[str]:
    """Return a request and its response as lines of evidence."""
    lines = [f"> {request.method} {request.url}{_asked(request)}"]
    if not response.status:
        return [*lines, f"< no answer: {response.sentence or response.fault}"]
    lines.append(f"< {response.status}")
    lines += [f"< {name}: {response.headers[name]}" for name in _SHOWN_HEADERS if name in response.headers]
    text = response.body[:_BODY_SHOWN_CHARS].decode("utf-8", "replace").strip()
    return [*lines, f"< {text}"] if body and text else lines


def _asked(request: Request) -> str:
    """Return the JSON-RPC method of a request, because all go to one URL."""
    try:
        message = strict_json.decode(request.body) if b'"jsonrpc"' in request.body else None
    except strict_json.InvalidJson:
        return ""
    return f" {message.get('method')}" if isinstance(message, dict) else ""


def differing(left_name: str, left: str, right_name: str, right: str) -> list[str]:
    """Return two strings one above the other, with a mark under the first byte that differs."""
    width = max(len(left_name), len(right_name)) + 2
    at = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    return [f"{left_name:<{width}}{left}", f"{right_name:<{width}}{right}", " " * (width + at) + "^ differs from here"]


def challenge_of(response: Response) -> dict[str, str]:
    """Return the parameters of a Bearer challenge; empty if there is none."""
    scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {name.lower(): quoted or bare for name, quoted, bare in _QUOTED.findall(rest)} | {"scheme": "Bearer"}

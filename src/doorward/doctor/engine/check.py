"""What a check is: a generator that yields requests, receives answers, and returns findings.

Owns what a finding is and the picture of the server that the checks add to. A check is tested by handing it answers.

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

# Nothing is given back and no word is begun in its middle: a long word would be tried from each of its letters.
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
    """Rules that failed too, and need no fix of their own."""
    folds: bool = True
    """Whether what its rule explains needs no fix of its own; not so where the checks went on past this break."""


@dataclass(slots=True)
class Picture:
    """What has been seen of one server so far."""

    url: str
    """As the user typed it."""
    clients: Mapping[str, Profile] = field(default_factory=profiles)
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the user wants sent to the endpoint in addition."""
    may_register: bool = True
    may_sign_in: bool = False
    """Whether a person is there to sign in."""
    repeat: int = 0
    """How often to ask what may fail now and then; 0: not at all."""
    address: Reach = "public"
    """Where the name leads, seen from here."""
    timeout_seconds: float = 60.0
    """How long the user lets any answer take; a client may be less patient."""
    resolvers: tuple[str, ...] = ()
    """Resolvers that the user wants asked too: the one of the system may know names of the inside."""
    reached: Reached = field(default_factory=lambda: Reached(""))
    """What the endpoint answers without a token."""
    get: Response = field(default_factory=lambda: Response(0))
    """What GET on the endpoint is answered with, without a token."""
    mcp: Dialogue = field(default_factory=Dialogue)
    """What was said in MCP itself."""
    challenge: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the challenge that a request without a token gets."""
    resource_metadata: Metadata | None = None
    server_metadata: Metadata | None = None
    registered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By client name: the registration reply, with the request's members filled in."""
    token: str = ""
    """An access token: handed in by the user, or from the sign-in."""
    sign_in: SignedIn | None = None
    """None: nobody has signed in."""
    callback: str = "http://127.0.0.1:33418/callback"
    """Where the browser of the person brings the answer."""
    secrets: set[str] = field(default_factory=set)
    """What the server has issued: no line of a report may hold it."""
    first_call: Response = field(default_factory=lambda: Response(0))
    """The first initialize with a token."""
    baseline: Mapping[str, Any] | None = None
    """What an earlier examination remembered, empty for the first one; None: nobody wants to compare."""
    remembered: dict[str, Any] = field(default_factory=dict)
    """What a later examination may be compared with."""
    not_checked: dict[str, str] = field(default_factory=dict)
    """By rule: why."""

    def __post_init__(self) -> None:
        if not self.reached.endpoint:
            self.reached = replace(self.reached, endpoint=self.url)

    @property
    def endpoint(self) -> str:
        """Where MCP is spoken: the URL, or where it leads to."""
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
        """Whether an answer is the fault of the server that every request meets: it says nothing of its own."""
        return response.status >= 500 and self.initialize.status >= 500  # noqa: PLR2004

    @property
    def can_call(self) -> bool:
        """Whether there is a way to what is behind the sign-in."""
        return self.is_open or bool(self.token)

    def skip(self, why: str, *names: str) -> None:
        """Note that rules could not be looked at."""
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
    """Build a finding of a rule; what is not given comes from the rule's data."""
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
    """Return a request and its answer as lines of evidence."""
    lines = [f"> {request.method} {request.url}{_asked(request)}"]
    if not response.status:
        return [*lines, f"< no answer: {response.sentence or response.fault}"]
    lines.append(f"< {response.status}")
    lines += [f"< {name}: {response.headers[name]}" for name in _SHOWN_HEADERS if name in response.headers]
    text = response.body[:_BODY_SHOWN_CHARS].decode("utf-8", "replace").strip()
    return [*lines, f"< {text}"] if body and text else lines


def _asked(request: Request) -> str:
    """Name the method of a request in JSON-RPC, which all go to one URL."""
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
    """Read the parameters of a Bearer challenge; empty when there is none."""
    scheme, _, rest = response.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {name.lower(): quoted or bare for name, quoted, bare in _QUOTED.findall(rest)} | {"scheme": "Bearer"}

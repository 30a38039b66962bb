"""The rules and the client profiles, read from data files.

A rule says what users see, why, and what to do; a profile says how one client sends its requests. The checks decide.
Implements no section of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

Severity = Literal["blocker", "major", "minor"]
AREAS = (
    "network", "transport", "discovery", "registration", "authorize", "token", "access", "versions", "sessions",
    "protocol", "catalogue", "streams", "sign_in", "store", "later", "gateway", "client_side",
)  # fmt: skip
"""Files of `corpus/`. In a file: one table per rule id; `clients` are profile names, or "all"."""
MODES = {
    "U": "without a sign-in",
    "R": "with a throw-away registration",
    "L": "after a sign-in",
    "T": "with an access token",
    "M": "with several tries or a pause",
}
"""What a probe needs, by the letter of the rule's mode."""
SEVERITIES: tuple[Severity, ...] = ("blocker", "major", "minor")


@dataclass(frozen=True, slots=True)
class Rule:
    """One cause of failure."""

    id: str
    title: str
    severity: Severity
    stage: str
    """The hop of the chain where it appears: a name of `run.STAGES`."""
    mode: str
    """What the probe needs: U nothing, R a registration, L a sign-in, T a token, M several attempts or a wait."""
    clients: tuple[str, ...]
    symptom: str
    cause: str
    fix: str
    spec: str
    explains: tuple[str, ...] = ()
    """Rules whose failure usually follows from this one."""
    unseen: str = ""
    """Why it is invisible from outside; empty if it is visible."""

    def page(self) -> str:
        """Return the rule's page as Markdown."""
        names = ", ".join(client.title for client in profiles().values() if client.name in self.clients)
        stopped = "every client" if len(self.clients) == len(profiles()) else names
        effect = f"A fault of the client: {names}" if self.id.startswith("CLI-") else f"Stops: {stopped}"
        follows = f"\nUsually behind: {', '.join(self.explains)}.\n" if self.explains else ""
        looked = f"**Not seen from outside.** {self.unseen}" if self.unseen else f"**Looked for** {self.needs()}."
        return (
            f"# {self.id}: {self.title}\n\nSeverity: {self.severity}. {effect}.\n\n"
            f"**What users see.** {self.symptom}\n\n**Cause.** {self.cause}\n\n**Fix.** {self.fix}\n\n"
            f"**Specification.** {self.spec}\n\n{looked}\n{follows}"
        )

    def needs(self) -> str:
        """Return what the probe needs, in words."""
        return ", ".join(words for letter, words in MODES.items() if letter in self.mode)


@dataclass(frozen=True, slots=True)
class Profile:
    """One client, described by its requests."""

    """Whether its requests come from the vendor's cloud."""

    name: str
    title: str
    user_agent: str
    redirect_uris: tuple[str, ...]
    timeout_seconds: int
    auth_method: str = "none"
    application_type: str = "native"
    hosted: bool = False
    """Whether its requests come from the vendor's cloud."""
    origin: str | None = None
    """The origin of a browser-based client."""
    other_agents: tuple[str, ...] = ()
    """User agents that some of its requests carry."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers of each of its requests, in addition to the user agent."""
    registration: Mapping[str, Any] = field(default_factory=dict)
    """Members of its registration in addition to those that every client sends."""
    document: str = ""
    """The URL of its Client ID Metadata Document; empty: none or unknown."""
    document_redirect_uri: str = ""
    """The redirect URI that it uses with that document."""
    exact_resource: bool = False
    inferred: tuple[str, ...] = ()
    """The facts here that the vendor does not document."""


@cache
def profiles() -> dict[str, Profile]:
    """Return every client profile by name."""
    return {name: msgspec.convert(facts | {"name": name}, Profile) for name, facts in _read("clients.toml").items()}


@cache
def rules() -> dict[str, Rule]:
    """Return every rule by id."""
    everybody = list(profiles())
    found = {}
    tables = [_read(f"corpus/{area}.toml") for area in AREAS]
    for name, facts in (each for table in tables for each in table.items()):
        stopped = everybody if facts["clients"] == ["all"] else facts["clients"]
        found[name] = msgspec.convert(facts | {"id": name, "clients": stopped}, Rule)
    return found


def _read(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("doorward.doctor").joinpath(name).read_text(encoding="utf-8"))

"""What the checks of one hop have found out, complete when it is handed on to those of the next.

A check that learns more replaces the part as a whole; nobody changes a part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from doorward.doctor.engine.requests import Response

_OK = 200


@dataclass(frozen=True, slots=True)
class Reached:
    """What the endpoint answers without a token."""

    endpoint: str
    """Where MCP is spoken: the URL that the user typed, or where it leads to."""
    initialize: Response = field(default_factory=lambda: Response(0))
    discover: Response = field(default_factory=lambda: Response(0))
    """The first server/discover."""
    goes_on: bool = True
    """False: nothing answers, or nothing that arrives, so each further request would wait for as little."""

    is_discovered: bool = field(init=False)
    """Whether server/discover was answered with what the server can do. Read once: an answer may be very long."""

    def __post_init__(self) -> None:
        answer = self.discover
        message = answer.json if answer.status == _OK else None
        object.__setattr__(self, "is_discovered", isinstance(message, dict) and "result" in message)

    @property
    def is_open(self) -> bool:
        """Whether the endpoint answers without a token."""
        return self.is_discovered or self.initialize.status == _OK


@dataclass(frozen=True, slots=True)
class Metadata:
    """A metadata document as clients read it."""

    document: dict[str, Any]
    urls: tuple[str, ...] = ()
    """Where it was read, the best place first."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that brought tokens."""

    client: dict[str, Any]
    """The registration reply of the client that signed in, with the request's members filled in."""
    issued: Response
    """The answer that brought the tokens."""
    reply: dict[str, Any]
    """The token reply, with what later ones have changed."""
    given_back: bool = False
    """Whether the tokens have been revoked."""

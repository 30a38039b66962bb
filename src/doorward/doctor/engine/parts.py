"""The results of the checks of one hop, complete when they are passed to the next.

A check that learns more replaces the whole part; parts are immutable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from doorward.doctor.engine.requests import Response

_OK = 200


@dataclass(frozen=True, slots=True)
class Reached:
    """The endpoint's responses without a token."""

    endpoint: str
    """Where MCP is spoken: the URL that the user typed, or its redirect target."""
    initialize: Response = field(default_factory=lambda: Response(0))
    discover: Response = field(default_factory=lambda: Response(0))
    """The first server/discover."""
    goes_on: bool = True
    """False: nothing useful answers, so each further request would only wait."""

    is_discovered: bool = field(init=False)
    """Whether server/discover returned the server's capabilities. Parsed once, because a response may be very long."""

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
    """A metadata document, as clients read it."""

    document: dict[str, Any]
    urls: tuple[str, ...] = ()
    """Where it was found, the best place first."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that brought tokens."""

    client: dict[str, Any]
    """The registration reply of the client that signed in, with the request's members filled in."""
    issued: Response
    """The response with the tokens."""
    reply: dict[str, Any]
    """The token reply, updated by later ones."""
    given_back: bool = False
    """Whether the tokens were revoked."""

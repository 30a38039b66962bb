"""The errors that Doorward raises on purpose. Any other exception is a bug, and is answered as one.

The three kinds (refused, unavailable, bug) never mix, so that callers can distinguish them by type::

    DoorwardError
    +-- ConfigError          what the operator wrote cannot be used; holds every problem at once
    |   +-- NotFound, AlreadyExists, NotAllowed
    +-- StartError           the program cannot run here (port busy, directory not writable)
    +-- StorageError
    |   +-- Conflict         a compare-and-swap lost: reload, decide again
    |   +-- Unavailable      the store is down, full or slow: answer 503, give no verdict
    |   +-- KeyNotKnown      something stored was sealed with a key to learn first: learn it, decide again
    +-- UpstreamError        the MCP server behind the door failed before it answered
    +-- OAuthError           a verdict of the authorization server (oauth/errors.py)
    +-- BearerError          a verdict of the protected resource (oauth/errors.py)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

SHUTDOWN = "graceful shutdown"
"""Part of what uvicorn, and a door that is taken away, cancel a call with that they do not wait for any longer."""


def is_shutdown(error: BaseException) -> bool:
    """Tell whether a cancellation comes from a server or a door that stops."""
    return SHUTDOWN in str(error)


class DoorwardError(Exception):
    """Root of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the operator's input: what is wrong, why it matters, and what to type next."""

    what: str
    why: str = ""
    fix: str = ""
    where: str = ""
    """The flag, variable or key path at fault, as the operator wrote it."""

    def __str__(self) -> str:
        """Return the lines for a terminal."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return "\n".join([head, *(f"  {part}" for part in (self.why, self.fix) if part)])


class ConfigError(DoorwardError):
    """The settings or the command line cannot be used (exit code 2)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class NotFound(ConfigError):
    """The named object does not exist."""


class AlreadyExists(ConfigError):
    """The name is taken."""


class NotAllowed(ConfigError):
    """The caller tried to grant a permission that it does not have."""


class StartError(DoorwardError):
    """The settings are valid, but the program cannot run here and now (exit code 3)."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class StorageError(DoorwardError):
    """The store did not execute the operation."""


class Conflict(StorageError):
    """A change expected a record version that is no longer current; nothing was written."""


class Unavailable(StorageError):
    """The store cannot answer now. This says nothing about a client or a credential."""


class KeyNotKnown(StorageError):
    """A stored value was sealed with a key that this process has not loaded, or that is gone."""

    def __init__(self, learn: Callable[[], Awaitable[None]]) -> None:
        self.learn = learn
        """Look for the key. Afterwards it is loaded, or known to be gone. Raises `Unavailable`."""
        super().__init__("a key has to be learned first")


UpstreamFault = Literal["unreachable", "timeout", "reset", "not_mcp", "too_large", "exited", "overloaded"]
"""`overloaded`: the door itself has no capacity for the call; all others are about the MCP server."""


class UpstreamError(DoorwardError):
    """The MCP server behind the door failed, or the door has no capacity for the call."""

    def __init__(self, fault: UpstreamFault, detail: str, *, evidence: str = "") -> None:
        self.fault: UpstreamFault = fault
        """How it failed; decides the status that the client gets."""
        self.detail = detail
        """One sentence, safe to show to the client."""
        self.evidence = evidence
        """What only the operator may see (addresses, a child's last output); part of `str()`, for the log."""
        super().__init__(f"{fault}: {detail} [{evidence}]" if evidence else f"{fault}: {detail}")

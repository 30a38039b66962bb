"""An operation: a name, parameters, a result, the capability that it needs, and its function.

The command line and the API only parse and print. Neither can do anything outside the catalogue. The published document
is generated from it, so the three always agree.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, get_args

import msgspec

from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.clock import Clock, Entropy
from doorward.config.model import Config
from doorward.errors import DoorwardError, NotAllowed, NotFound, Problem
from doorward.installation import Installation
from doorward.keys.ring import Keys
from doorward.oauth.policy import Policy
from doorward.storage.port import Store

Capability = Literal[
    "admin:read",
    "admin:clients",
    "admin:users",
    "admin:tokens",
    "admin:grants",
    "admin:keys",
    "admin:audit",
    "admin:doors",
    "admin:programs",
]
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
Method = Literal["GET", "POST", "PUT", "DELETE"]

P_contra = TypeVar("P_contra", bound=msgspec.Struct, contravariant=True)
R_co = TypeVar("R_co", bound=msgspec.Struct, covariant=True)
_IN_PATH = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Administration:
    """The context of an operation: what it works on, and its caller."""

    policy: Policy
    store: Store
    clock: Clock
    entropy: Entropy
    keys: Keys
    audit: AuditLog
    mcp_url: str
    config: Config
    """The settings, without the doors that were added by command."""
    capabilities: frozenset[str] = frozenset(CAPABILITIES)
    """The caller's capabilities. The command line has all of them."""

    @classmethod
    def of(cls, here: Installation) -> Administration:
        """Return what the operations of an installation work on, with all capabilities."""
        own = tuple(each for each in here.config.doors if each.source != "command")
        config = replace(here.config, doors=own)
        return cls(here.policy, here.store, here.clock, here.entropy, here.keys, here.audit, here.mcp_url, config)

    @property
    def doors(self) -> dict[str, str]:
        """The URL of each door, by its name."""
        return {each.name: each.uri for each in self.policy.resources.values()}

    def require(self, *needed: str, to: str) -> None:
        """Refuse a request whose effect exceeds the caller's own capabilities.

        `Operation.capability` protects a path. Call this if the effect depends on the parameters or on a record.

        Raises:
            NotAllowed: the caller lacks one of the capabilities.
        """
        missing = [each for each in needed if each not in self.capabilities]
        if missing:
            lacks = f"This lacks {', '.join(missing)}."
            raise NotAllowed([Problem(f"you can't grant what you don't have: {to}", lacks)])


@dataclass(frozen=True, slots=True)
class Operation(Generic[P_contra, R_co]):
    """One administrative action."""

    name: str
    summary: str
    method: Method
    path: str
    """Below the root of the API; a segment in braces is the parameter of that name."""
    capability: Capability
    parameters: type[Any]
    result: type[Any]
    function: Callable[[Administration, P_contra], Awaitable[R_co]]
    commands: tuple[tuple[str, ...], ...]
    """The commands that run it, as words."""
    status: int = 200
    is_known: Callable[[Store, str], Awaitable[bool]] | None = None
    """Whether a record has the name or id in the path. Without it, a failure is audited without its subject."""

    @property
    def in_path(self) -> tuple[str, ...]:
        """The parameters in the path."""
        return tuple(_IN_PATH.findall(self.path))


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of an operation; unknown names are refused."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an operation; a secret in it is marked as shown only once."""


async def run(operation: Operation[P_contra, R_co], here: Administration, parameters: P_contra) -> R_co:
    """Run the operation and record the outcome in the audit log. Reads are not audited.

    Raises:
        ConfigError: refused, with its problems.
        Unavailable: the store cannot answer.
    """
    if operation.method == "GET":
        return await operation.function(here, parameters)
    subject = {name: str(getattr(parameters, name)) for name in operation.in_path}
    named = {"operation": operation.name}
    try:
        result = await operation.function(here, parameters)
    except DoorwardError as error:
        detail = {**await _known(operation, here, subject, error), **named}
        here.audit.write(
            AuditEvent(event="administration", outcome="failed", reason=type(error).__name__, detail=detail)
        )
        raise
    here.audit.write(AuditEvent(event="administration", detail={**subject, **named}))
    return result


async def _known(
    operation: Operation[Any, Any], here: Administration, subject: dict[str, str], error: DoorwardError
) -> dict[str, str]:
    """Return the part of the subject that names a record. The rest may be a password pasted by mistake."""
    if operation.is_known is None or isinstance(error, NotFound):
        return {}
    try:
        return {name: value for name, value in subject.items() if await operation.is_known(here.store, value)}
    except DoorwardError:  # the store cannot say
        return {}

"""Every operation. Nothing else is possible, neither by a command nor over HTTP."""

from __future__ import annotations

from typing import Any

from doorward.administration import audit, clients, doors, grants, keys, tokens, users
from doorward.administration.operation import Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *clients.OPERATIONS,
    *users.OPERATIONS,
    *tokens.OPERATIONS,
    *grants.OPERATIONS,
    *keys.OPERATIONS,
    *doors.OPERATIONS,
    *audit.OPERATIONS,
)

"""Step five: whether the caller has the scopes of this operation. Sets the caller's expanded scopes."""

from __future__ import annotations

import msgspec

from doorward.door.parts import Classified
from doorward.oauth.operation_scopes import OperationScopes

_NO_PARAMS: dict[str, object] = {}


class Permit:
    """Refuses operations for which the caller's scopes are too narrow."""

    def __init__(self, operations: OperationScopes | None) -> None:
        self._operations = operations
        """None: all operations need the same scopes, which were checked with the credential."""

    def take(self, classified: Classified) -> Classified:
        """Return the request with its caller's expanded scopes.

        Raises:
            BearerError: a scope is missing (403); names all that the operation needs.
        """
        caller, message, operations = classified.caller, classified.message, self._operations
        if caller is None or operations is None:
            return classified
        method, params = (None, _NO_PARAMS) if message is None else (message.method, message.params)
        operations.check(caller.scopes, method, params)
        # The upstream may check scopes too, and does not know which scopes imply others.
        expanded = msgspec.structs.replace(caller, scopes=operations.expanded(caller.scopes))
        return msgspec.structs.replace(classified, caller=expanded)

"""`/-/api/v1/...`: the administration operations over HTTP, for holders of a header token with capabilities.

A browser can't be tricked into calling it: cookies are ignored, and other origins can't read a response. Without an
admin token, a caller can't even learn which addresses exist. The catalogue says which capability an address needs.

Spec: RFC 6750 s2.1, s3; attack G-09.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from doorward.administration.catalogue import OPERATIONS
from doorward.administration.openapi import document
from doorward.administration.operation import Administration, Operation, run
from doorward.audit.log import origin
from doorward.authority.last_used import LastUsed
from doorward.edge.frame import ONE_LINE, guarded, json_response, not_found, require_content_type
from doorward.edge.mounting import local_path, mount_length
from doorward.edge.router import Mount, static_json
from doorward.errors import AlreadyExists, ConfigError, NotAllowed, NotFound
from doorward.oauth.errors import InsufficientScope, InvalidRequest, InvalidToken, Reason
from doorward.oauth.parameters import parse_query
from doorward.oauth.tokens.opaque import HEADER_TOKEN, digest, is_well_formed
from doorward.paths import API
from doorward.records.accounts import HeaderToken
from doorward.strict_json import InvalidJson, decode

_ROOT_SEGMENTS = API.count("/") + 1
OPENAPI_PATH = f"{API}/openapi.json"
_STATUS: tuple[tuple[type[ConfigError], int, str], ...] = (
    (NotFound, 404, "not_found"),
    (AlreadyExists, 409, "already_exists"),
    (NotAllowed, 403, "not_allowed"),
    (ConfigError, 400, "invalid_request"),
)


class AdministrationApi:
    """Serves every operation of the catalogue."""

    def __init__(self, here: Administration, last_used: LastUsed | None = None) -> None:
        self.here = here
        self.last_used = last_used

    async def __call__(self, request: Request) -> Response:
        """Authenticate, find the operation, check the capability, run it."""
        token = await self._token(request)
        origin.set(replace(origin.get(), actor=f"token:{token.token_id}"))
        segments = _segments(request)
        found = [(each, values) for each in OPERATIONS if (values := _match(each, segments)) is not None]
        if not found:
            return not_found()
        method = "GET" if request.method == "HEAD" else request.method
        matching = [pair for pair in found if pair[0].method == method]
        if not matching:
            allowed = ", ".join(sorted(each.method for each, _ in found))
            return _error(405, "method_not_allowed", f"Use {allowed}.", {"allow": allowed})
        operation, in_path = matching[0]
        if operation.capability not in token.capabilities:
            raise InsufficientScope(
                f"This operation needs the capability {operation.capability}.", Reason.MISSING_CAPABILITY
            )
        parameters = _parameters(operation, in_path, request, await request.body())
        try:
            result = await run(operation, replace(self.here, capabilities=frozenset(token.capabilities)), parameters)
        except ConfigError as error:
            return _refused(error)
        return json_response(result, operation.status)

    async def _token(self, request: Request) -> HeaderToken:
        """Return the token of the request.

        Raises:
            InvalidToken: it is missing, or is not an admin token.
        """
        headers = request.headers.getlist("authorization")
        scheme, _, presented = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        presented = presented.strip(" ")
        if scheme.lower() != "bearer" or not is_well_formed(presented, HEADER_TOKEN):
            raise InvalidToken("This endpoint requires an admin token.", Reason.NO_TOKEN)
        stored = await self.here.store.get(HeaderToken, digest(presented))
        if stored is None:
            raise InvalidToken("The token is not valid.", Reason.UNKNOWN_TOKEN)
        record = stored.record
        if record.expires_at is not None and record.expires_at <= self.here.clock.now():
            raise InvalidToken("The token has expired.", Reason.EXPIRED_TOKEN)
        if not record.capabilities:
            raise InvalidToken("This token is for the door, not for administration.", Reason.MISSING_CAPABILITY)
        if self.last_used is not None:
            self.last_used.note(record, self.here.clock.now())
        return record


def routes(here: Administration, last_used: LastUsed) -> Iterator[Mount]:
    """Yield the mount for everything below `/-/api/v1/`."""
    yield Mount(f"{API}/", administration_api(here, last_used))


def administration_api(here: Administration, last_used: LastUsed | None = None) -> ASGIApp:
    """Return the application that serves everything below `/-/api/v1/`."""
    api, published = (
        guarded(AdministrationApi(here, last_used), one_line=ONE_LINE - {"authorization"}),
        static_json(document(here.policy.base_path + API)),
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_published = local_path(scope) == OPENAPI_PATH and scope["method"] in {"GET", "HEAD"}
        await (published if is_published else api)(scope, receive, send)

    return app


def _segments(request: Request) -> list[str]:
    """Split the raw path, so that an escaped slash in an id does not end a segment."""
    scope = request.scope
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    path = raw.split(b"?", 1)[0].decode("ascii", "replace")
    mount = scope["path"][: mount_length(scope)].count("/")
    root, below = path.split("/")[mount : mount + _ROOT_SEGMENTS], path.split("/")[mount + _ROOT_SEGMENTS :]
    # Another spelling of the root could bypass a proxy's rule for this path, so it matches nothing.
    if "/".join(root[1:]) != API[1:]:
        return []
    return [unquote(segment, errors="replace") for segment in below]


def _match(operation: Operation[Any, Any], segments: list[str]) -> dict[str, str] | None:
    """Return the parameters in the path, or None if the operation has another path."""
    pattern = operation.path[1:].split("/")
    if len(pattern) != len(segments):
        return None
    values: dict[str, str] = {}
    for part, segment in zip(pattern, segments, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values


def _parameters(operation: Operation[Any, Any], in_path: dict[str, str], request: Request, body: bytes) -> Any:
    """Parse the parameters of the operation, from path and query, or from path and body.

    Raises:
        InvalidRequest: names the first parameter that can't be read.
    """
    has_body = operation.method in {"POST", "PUT"}
    query = parse_query(request.scope["query_string"])
    if query.repeated or (has_body and query):
        raise InvalidRequest("A parameter is repeated, or is not allowed in the query.", Reason.REPEATED_PARAMETER)
    given = _object(request, body) if has_body else dict(query)
    if given.keys() & in_path.keys():
        raise InvalidRequest("A parameter that is in the path was sent again.", Reason.REPEATED_PARAMETER)
    try:
        return msgspec.convert({**given, **in_path}, operation.parameters, strict=has_body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error), Reason.MALFORMED_REQUEST) from None


def _object(request: Request, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    require_content_type(request, "application/json")
    try:
        value = decode(body)
    except InvalidJson as error:
        raise InvalidRequest(str(error), Reason.MALFORMED_REQUEST) from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", Reason.MALFORMED_REQUEST)
    return value


def _refused(error: ConfigError) -> Response:
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    problems = [{"what": each.what, "why": each.why, "fix": each.fix} for each in error.problems]
    description = "; ".join(each.what for each in error.problems)
    return json_response({"error": code, "error_description": description, "problems": problems}, status)


def _error(status: int, code: str, description: str, headers: dict[str, str] | None = None) -> Response:
    return json_response({"error": code, "error_description": description}, status, headers)

"""`/device_authorization`: starts the device grant for a device without a browser.

Spec: RFC 8628 s3.1, s3.2.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.edge.frame import json_response
from doorward.endpoints.client_authentication import Caller, read_form
from doorward.oauth.authorization.device import DeviceCodes, begin, encode_user_code
from doorward.oauth.tokens.opaque import DEVICE_CODE, mint
from doorward.records.changes import Decision


class DeviceAuthorizationEndpoint:
    """Serves `/device_authorization` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        form, authority = await read_form(request), self.authority
        caller = Caller(authority, request, form)

        async def attempt() -> Decision[dict[str, object]]:
            # If the user code is taken, the attempt fails, and the next one generates another.
            codes = DeviceCodes(
                mint(DEVICE_CODE, authority.entropy.random_bytes(32)),
                encode_user_code(authority.entropy.random_bytes(16)),
            )
            return begin(
                form,
                client=(await caller.client()).record,
                codes=codes,
                now=authority.clock.now(),
                policy=authority.policy,
            )

        return json_response(await authority.decide(attempt))

"""How often the endpoints may be called, decided before they do anything that costs.

Registrations count by content and address, authorization requests by client and address (those that a client pushes
and those of devices each apart), token requests by the code or refresh token they carry, refused ones by client and
address. Several times that is allowed for an address as a
whole, since hosted clients send everybody's requests from a few. Kept in memory: each process counts for itself.

Spec: RFC 6585 s4; RFC 6819 s4.4.1.11, s5.1.4.2; RFC 7591 s5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from doorward.clock import Clock
from doorward.config.model import Config
from doorward.edge.frame import Handler
from doorward.edge.meter import Meter
from doorward.oauth.addresses import customer
from doorward.oauth.clients.authentication import presented_client
from doorward.oauth.errors import OAuthError, TooManyRequests
from doorward.oauth.parameters import parse_form, parse_query
from doorward.oauth.tokens.opaque import digest

AddressOf = Callable[[Scope], str]
"""Tells where a request came from, as far as listed proxies vouch for it."""

WHOLE_ADDRESS = 5
"""By this factor more is allowed for all that comes from one address."""
_CREDENTIALS = ("refresh_token", "code", "device_code")
_NO_REFUSALS = frozenset({"use_dpop_nonce", "authorization_pending", "slow_down"})
"""Answers that ask a client to come again; honest clients get them all the time."""


class RequestLimits:
    """The meters of one process."""

    def __init__(self, config: Config, clock: Clock, address_of: AddressOf) -> None:
        self._clock = clock
        self._address_of = address_of
        self._registrations = Meter(config.limit_registrations_per_minute)
        self._registrations_of_address = Meter(config.limit_registrations_per_minute * WHOLE_ADDRESS)
        self._authorizations = Meter(config.limit_authorizations_per_minute)
        self._authorizations_of_address = Meter(config.limit_authorizations_per_minute * WHOLE_ADDRESS)
        self._pushes = Meter(config.limit_authorizations_per_minute)
        self._pushes_of_address = Meter(config.limit_authorizations_per_minute * WHOLE_ADDRESS)
        self._devices = Meter(config.limit_authorizations_per_minute)
        self._devices_of_address = Meter(config.limit_authorizations_per_minute * WHOLE_ADDRESS)
        self._token_calls = Meter(config.limit_token_calls_per_minute)
        self._refusals = Meter(config.limit_token_calls_per_minute * WHOLE_ADDRESS)
        self._sign_ins_of_address = Meter(config.limit_sign_ins_per_minute)

    def address(self, request: Request) -> str:
        """Return what stands for the sender: an IPv4 address, or the network that one IPv6 customer has."""
        return customer(self._address_of(request.scope))

    def registering(self, handler: Handler) -> Handler:
        """Limit `/register` and changes of a registration, which the client itself may make."""

        async def limited(request: Request) -> Response:
            now, address = self._clock.now(), self.address(request)
            content = digest(f"{request.scope['path']}\n{(await request.body()).hex()}")
            self._registrations.admit(f"{content} {address}", now)
            self._registrations_of_address.admit(address, now)
            return await handler(request)

        return limited

    def authorizing(self, handler: Handler) -> Handler:
        """Limit `/authorize`; a step of a sign-in that has begun is not counted."""

        async def limited(request: Request) -> Response:
            parameters = parse_query(request.scope["query_string"])
            if "continue" not in parameters:
                now, address = self._clock.now(), self.address(request)
                self._authorizations.admit(f"{digest(parameters.get('client_id', ''))} {address}", now)
                self._authorizations_of_address.admit(address, now)
            return await handler(request)

        return limited

    def pushing(self, handler: Handler) -> Handler:
        """Limit `/par`, which keeps what it is sent, like the authorization requests that follow."""
        return self._keeping(handler, self._pushes, self._pushes_of_address)

    def device(self, handler: Handler) -> Handler:
        """Limit `/device_authorization`, which keeps a code for each request until it expires."""
        return self._keeping(handler, self._devices, self._devices_of_address)

    def _keeping(self, handler: Handler, of_client: Meter, of_address: Meter) -> Handler:
        """Limit a path of clients that adds a record for each request that is good, and what it refuses."""

        async def limited(request: Request) -> Response:
            client, _ = _client_and_form(request, await request.body())
            now, address = self._clock.now(), self.address(request)
            of_client.admit(f"{digest(client)} {address}", now)
            of_address.admit(address, now)
            return await handler(request)

        return self.redeeming(limited)

    def redeeming(self, handler: Handler) -> Handler:
        """Limit `/token` and its like: by credential, and by what was refused to the client from this address."""

        async def limited(request: Request) -> Response:
            now = self._clock.now()
            client, form = _client_and_form(request, await request.body())
            sender = f"{digest(client)} {self.address(request)}"
            if wait := self._refusals.wait_seconds(sender, now):
                raise TooManyRequests(wait)
            for name in _CREDENTIALS:
                if name in form:
                    self._token_calls.admit(digest(f"{client} {form[name]}"), now)
            try:
                return await handler(request)
            except OAuthError as error:
                if error.error not in _NO_REFUSALS:
                    self._refusals.count(sender, now)
                raise

        return limited

    def signing_in(self, handler: Handler) -> Handler:
        """Limit the tries to sign in from one address, to any account; each may cost a password hash."""

        async def limited(request: Request) -> Response:
            self._sign_ins_of_address.admit(self.address(request), self._clock.now())
            return await handler(request)

        return limited


def _client_and_form(request: Request, body: bytes) -> tuple[str, Mapping[str, str]]:
    """Read who is asking; a request that cannot be read is counted as nobody's, and answered by the endpoint."""
    try:
        form = parse_form(body)
        return presented_client(request.headers.get("authorization"), form).client_id, form
    except OAuthError:
        return "", {}

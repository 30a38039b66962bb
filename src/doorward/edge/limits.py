"""Rate limits of the endpoints, applied before any expensive work.

Registrations count by content and address, authorization requests by client and address (pushed requests and device
requests separately). Token requests count by the code or refresh token that they carry, and refused ones by client and
address. An address as a whole may have several times as much, because hosted clients send everyone's requests from a
few addresses. The counts are in memory: each process counts for itself.

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
"""Returns the client address of a request, as far as listed proxies vouch for it."""

WHOLE_ADDRESS = 5
"""How many times as much an address as a whole may have."""
_CREDENTIALS = ("refresh_token", "code", "device_code")
_NO_REFUSALS = frozenset({"use_dpop_nonce", "authorization_pending", "slow_down"})
"""Errors that ask a client to retry; honest clients get them all the time."""


class RequestLimits:
    """The rate limits of one process."""

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
        """Return the key for one sender: an IPv4 address, or the IPv6 network that one customer has."""
        return customer(self._address_of(request.scope))

    def registering(self, handler: Handler) -> Handler:
        """Limit `/register`, and the changes that a client makes to its own registration."""

        async def limited(request: Request) -> Response:
            now, address = self._clock.now(), self.address(request)
            content = digest(f"{request.scope['path']}\n{(await request.body()).hex()}")
            self._registrations.admit(f"{content} {address}", now)
            self._registrations_of_address.admit(address, now)
            return await handler(request)

        return limited

    def authorizing(self, handler: Handler) -> Handler:
        """Limit `/authorize`; later steps of a sign-in are not counted."""

        async def limited(request: Request) -> Response:
            parameters = parse_query(request.scope["query_string"])
            if "continue" not in parameters:
                now, address = self._clock.now(), self.address(request)
                self._authorizations.admit(f"{digest(parameters.get('client_id', ''))} {address}", now)
                self._authorizations_of_address.admit(address, now)
            return await handler(request)

        return limited

    def pushing(self, handler: Handler) -> Handler:
        """Limit `/par`, which stores each request, like the authorization requests that follow."""
        return self._keeping(handler, self._pushes, self._pushes_of_address)

    def device(self, handler: Handler) -> Handler:
        """Limit `/device_authorization`, which stores a code for each request until it expires."""
        return self._keeping(handler, self._devices, self._devices_of_address)

    def _keeping(self, handler: Handler, of_client: Meter, of_address: Meter) -> Handler:
        """Limit a path that stores a record for each valid request, and the requests that it refuses."""

        async def limited(request: Request) -> Response:
            client, _ = _client_and_form(request, await request.body())
            now, address = self._clock.now(), self.address(request)
            of_client.admit(f"{digest(client)} {address}", now)
            of_address.admit(address, now)
            return await handler(request)

        return self.redeeming(limited)

    def redeeming(self, handler: Handler) -> Handler:
        """Limit `/token` and similar endpoints: by credential, and by refusals of the client at this address."""

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
        """Limit sign-in attempts from one address, to any account; each may cost a password hash."""

        async def limited(request: Request) -> Response:
            self._sign_ins_of_address.admit(self.address(request), self._clock.now())
            return await handler(request)

        return limited


def _client_and_form(request: Request, body: bytes) -> tuple[str, Mapping[str, str]]:
    """Return the client id and the form; an unreadable request counts for no client, and the endpoint refuses it."""
    try:
        form = parse_form(body)
        return presented_client(request.headers.get("authorization"), form).client_id, form
    except OAuthError:
        return "", {}

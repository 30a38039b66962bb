"""The authorization endpoint: trust the redirect target, check the request, let the user decide, answer.

Two phases, two error types. `trusted_client_target` proves client and redirect URI, and until it has, errors are shown
locally. `validate` runs `CHECKS` in order, and its errors go back to the client. After that the stored request
alone says what the next step is, so a restart in the middle of a sign-in loses nothing.

Implements RFC 6749 s4.1.1 and s4.1.2, RFC 7636 s4.3, RFC 8707 s2.1, RFC 9207 s2. Does not know how users prove who
they are or what a page looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from doorward.oauth.authorization.pkce import check_challenge
from doorward.oauth.authorization.response import location
from doorward.oauth.clients.metadata import RESPONSE_TYPES
from doorward.oauth.clients.redirect_uris import check_usable, matches
from doorward.oauth.clients.terms import still_hold, terms
from doorward.oauth.clients.unused import keep
from doorward.oauth.dpop import is_thumbprint
from doorward.oauth.errors import (
    AccessDenied,
    InteractionRequired,
    InvalidRedirectUri,
    InvalidRequest,
    LocalAuthorizationError,
    OAuthError,
    Reason,
    RedirectAuthorizationError,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from doorward.oauth.parameters import Parameters, parse_scope
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.resource_indicators import find, narrow
from doorward.oauth.scopes import grantable
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import BrowserSession, User
from doorward.records.changes import Decision, Expect, Insert, Replace, Stored
from doorward.records.oauth import AuthorizationCode, AuthorizationRequest, Client, Grant

NextStep = Literal["sign_in", "consent", "finished", "expired", "other_browser"]
Check = Callable[[Mapping[str, str], Client, Policy], object]


def trusted_client_target(parameters: Mapping[str, str], client: Client | None, *, now: int, policy: Policy) -> str:
    """Return the redirect URI to which the server may send responses for this client.

    Raises:
        LocalAuthorizationError: unknown or expired client, or a redirect URI that is missing, repeated or not its own.

    Spec: RFC 6749 s3.1.2.3, s4.1.2.1
    """
    if _repeated(parameters) & {"client_id", "redirect_uri"}:
        raise LocalAuthorizationError("client_id or redirect_uri was sent more than once.", Reason.REPEATED_PARAMETER)
    if "client_id" not in parameters:
        raise LocalAuthorizationError("client_id is missing.", Reason.MISSING_PARAMETER)
    if client is None or client.client_id != parameters["client_id"]:
        raise LocalAuthorizationError(
            "This application is not registered here. Remove the connection in the application and add it again.",
            Reason.UNKNOWN_CLIENT,
        )
    _check_client_alive(client, now)
    presented = parameters.get("redirect_uri")
    if presented is None:
        if len(client.redirect_uris) != 1:
            raise LocalAuthorizationError("redirect_uri is missing.", Reason.MISSING_REDIRECT_URI)
        presented = client.redirect_uris[0]
    _check_registered(presented, client, policy)
    return presented


def validate(
    parameters: Mapping[str, str],
    client: Client,
    *,
    redirect_uri: str,
    request_id: str,
    browser_digest: str,
    now: int,
    policy: Policy,
) -> AuthorizationRequest:
    """Check the rest of the request, and return the record to store while the user decides.

    Raises:
        RedirectAuthorizationError: the client asked for something that is not served.

    Spec: RFC 6749 s4.1.1
    """
    state = parameters.get("state")
    try:
        for check in CHECKS:
            check(parameters, client, policy)
    except OAuthError as error:
        echoed = state if state is not None and len(state) <= policy.state_limit_chars else None
        raise RedirectAuthorizationError(error, redirect_uri=redirect_uri, state=echoed, issuer=policy.issuer) from None
    return AuthorizationRequest(
        request_id=request_id,
        browser_digest=browser_digest,
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        redirect_uri_given="redirect_uri" in parameters,
        state=state,
        code_challenge=parameters["code_challenge"],
        scopes=_scopes(parameters, client, policy),
        resource=_resource(parameters, client, policy).uri,
        dpop_jkt=parameters.get("dpop_jkt"),
        created_at=now,
        expires_at=now + policy.authorization_request_seconds,
        client_terms=terms(client),
    )


def next_step(
    request: AuthorizationRequest, session: BrowserSession | None, *, now: int, flow_digest: str = ""
) -> NextStep:
    """Return what a browser that comes with this request may do next.

    The browser is compared first, so that a different one learns nothing about the request.
    """
    if not is_of_browser(request, session, now=now, flow_digest=flow_digest):
        return "other_browser"
    if request.finished_at is not None:
        return "finished"
    if _is_over(request.expires_at, now):
        return "expired"
    if session is None or _is_over(session.expires_at, now):
        return "sign_in"
    if session.user_id is None or request.user_id not in (None, session.user_id):
        return "sign_in"
    return "consent"


def is_of_browser(
    request: AuthorizationRequest, session: BrowserSession | None, *, now: int, flow_digest: str = ""
) -> bool:
    """Return whether the request was started in this browser, before or after it signed in.

    Either cookie proves it: the browser's own, which is replaced at sign-in, or the request's.
    """
    is_live = session is not None and not _is_over(session.expires_at, now)
    user_id = None
    if session is not None and is_live:
        if request.browser_digest in (session.cookie_digest, *session.earlier_digests):
            return True
        user_id = session.user_id
    if not flow_digest or flow_digest != request.flow_digest:
        return False
    # A request that one person started is not for the next person at the same browser.
    return user_id is None or request.user_id in (None, user_id)


def approve(
    request: Stored[AuthorizationRequest],
    client: Stored[Client],
    user: Stored[User] | None,
    *,
    grant_id: str,
    code: str,
    now: int,
    policy: Policy,
) -> Decision[str]:
    """Approve the request; the reply is the `Location` that carries the code.

    Nothing is written unless user and client are still as they were read. Otherwise a request that ends one of them at
    the same time would miss the new grant, and it would live on.

    Raises:
        LocalAuthorizationError: too late, answered before, started by another user, the user may no longer sign in,
            or the client or the door has changed since.

    Spec: RFC 6749 s4.1.2, RFC 9207 s2
    """
    asked, owner = request.record, client.record
    _check_open(asked, now)
    user_id = _check_user(asked, None if user is None else user.record)
    assert user is not None
    _check_client(asked, owner, now, policy)
    _check_door(asked, policy)
    ends_at = now + policy.grant_absolute_seconds
    grant = Grant(
        grant_id=grant_id,
        user_id=user_id,
        client_id=asked.client_id,
        redirect_uri=asked.redirect_uri,
        scopes=asked.scopes,
        resource=asked.resource,
        created_at=now,
        expires_at=ends_at,
    )
    finished = msgspec.structs.replace(asked, finished_at=now, user_id=user_id)
    return Decision(
        location(asked.redirect_uri, code=code, state=asked.state, iss=policy.issuer),
        (
            Replace(finished, request.version),
            Insert(grant),
            Insert(_code(asked, code, grant, policy)),
            Expect(User, user_id, user.version),
            keep(client, grant_ends_at=ends_at, now=now, policy=policy, redirect_uri=asked.redirect_uri),
        ),
    )


def _code(asked: AuthorizationRequest, code: str, grant: Grant, policy: Policy) -> AuthorizationCode:
    return AuthorizationCode(
        code_digest=digest(code),
        grant_id=grant.grant_id,
        client_id=asked.client_id,
        user_id=grant.user_id,
        redirect_uri=asked.redirect_uri,
        redirect_uri_given=asked.redirect_uri_given,
        code_challenge=asked.code_challenge,
        dpop_jkt=asked.dpop_jkt,
        scopes=asked.scopes,
        resource=asked.resource,
        created_at=grant.created_at,
        expires_at=grant.created_at + policy.code_seconds,
        client_terms=asked.client_terms,
    )


def deny(
    request: Stored[AuthorizationRequest], *, now: int, policy: Policy, client: Stored[Client] | None = None
) -> Decision[str]:
    """Deny the request; the reply is the `Location` that says so.

    With `client`, the redirect URI must still be registered; without, only its general safety is checked again.

    Raises:
        LocalAuthorizationError: too late, answered before, or the client has changed since.

    Spec: RFC 6749 s4.1.2.1
    """
    asked = request.record
    _check_open(asked, now)
    if client is None:
        _check_safe(asked.redirect_uri, policy)
    else:
        _check_client(asked, client.record, now, policy)
    refusal = RedirectAuthorizationError(
        AccessDenied("The user did not allow it.", Reason.DENIED_BY_USER),
        redirect_uri=asked.redirect_uri,
        state=asked.state,
        issuer=policy.issuer,
    )
    finished = msgspec.structs.replace(asked, finished_at=now)
    return Decision(refusal.location(), (Replace(finished, request.version),))


def _repeated(parameters: Mapping[str, str]) -> frozenset[str]:
    return parameters.repeated if isinstance(parameters, Parameters) else frozenset()


def _is_over(expires_at: int | None, now: int) -> bool:
    return expires_at is not None and expires_at <= now


def _check_open(request: AuthorizationRequest, now: int) -> None:
    if request.finished_at is not None:
        raise LocalAuthorizationError("This request was answered before. Start again.", Reason.REQUEST_FINISHED)
    if _is_over(request.expires_at, now):
        raise LocalAuthorizationError("This request took too long. Start again.", Reason.REQUEST_EXPIRED)


def _check_user(request: AuthorizationRequest, user: User | None) -> str:
    if user is None or user.disabled_at is not None:
        raise LocalAuthorizationError("This account can no longer sign in here.", Reason.USER_ENDED)
    if request.user_id not in (None, user.user_id):
        raise LocalAuthorizationError("Another user began this request. Start again.", Reason.OTHER_USER)
    return user.user_id


def _check_client(request: AuthorizationRequest, client: Client, now: int, policy: Policy) -> None:
    if client.client_id != request.client_id:
        raise LocalAuthorizationError("This request belongs to another application.", Reason.UNKNOWN_CLIENT)
    _check_client_alive(client, now)
    _check_registered(request.redirect_uri, client, policy)
    if not still_hold(request.client_terms, client):
        raise LocalAuthorizationError(
            "The application has changed since this sign-in began. Start again from there.", Reason.CLIENT_CHANGED
        )


def _check_door(request: AuthorizationRequest, policy: Policy) -> None:
    if find(request.resource, policy=policy) is None:
        raise LocalAuthorizationError(
            "The server that the application asked for is no longer at that address. Start again from there.",
            Reason.WRONG_RESOURCE,
        )


def _check_client_alive(client: Client, now: int) -> None:
    if _is_over(client.expires_at, now):
        raise LocalAuthorizationError(
            "This application's registration has expired. Remove the connection in the application and add it again.",
            Reason.EXPIRED_CLIENT,
        )


def _check_registered(redirect_uri: str, client: Client, policy: Policy) -> None:
    if not any(matches(registered, redirect_uri) for registered in client.redirect_uris):
        raise LocalAuthorizationError(
            "redirect_uri is not one that this application registered.", Reason.UNREGISTERED_REDIRECT_URI
        )
    _check_safe(redirect_uri, policy)


def _check_safe(redirect_uri: str, policy: Policy) -> None:
    try:
        check_usable(redirect_uri, issuer=policy.issuer, other_hosts=policy.other_hosts)
    except InvalidRedirectUri as error:
        raise LocalAuthorizationError(error.description, error.reason) from None


def _no_repeated_parameter(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    if _repeated(parameters):
        raise InvalidRequest("A parameter was sent more than once. Send each once.", Reason.REPEATED_PARAMETER)


def _no_request_object(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    if "request" in parameters:
        raise RequestNotSupported("Request objects are not supported.", Reason.REQUEST_OBJECT)
    if "request_uri" in parameters:
        raise RequestUriNotSupported("Request objects are not supported.", Reason.REQUEST_OBJECT)


def _response_type(parameters: Mapping[str, str], client: Client, _policy: Policy) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing.", Reason.MISSING_PARAMETER)
    if response_type not in RESPONSE_TYPES:
        raise UnsupportedResponseType("response_type must be code.", Reason.RESPONSE_TYPE)
    if response_type not in client.response_types or "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("This client did not register for code.", Reason.GRANT_TYPE_NOT_REGISTERED)


def _response_mode(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequest("response_mode must be query.", Reason.RESPONSE_MODE)


def _state(parameters: Mapping[str, str], _client: Client, policy: Policy) -> None:
    if len(parameters.get("state", "")) > policy.state_limit_chars:
        raise InvalidRequest(f"state is longer than {policy.state_limit_chars} characters.", Reason.TOO_LARGE)


def _challenge(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    check_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))


def _dpop_key(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    if "dpop_jkt" in parameters and not is_thumbprint(parameters["dpop_jkt"]):
        raise InvalidRequest("dpop_jkt must be the SHA-256 thumbprint of a key.", Reason.MALFORMED_PROOF)


def _resource(parameters: Mapping[str, str], _client: Client, policy: Policy) -> Resource:
    return narrow(parameters.get("resource"), policy=policy)


def _scopes(parameters: Mapping[str, str], client: Client, policy: Policy) -> tuple[str, ...]:
    resource = _resource(parameters, client, policy)
    return grantable(parse_scope(parameters.get("scope")), client=client, resource=resource)


def _prompt(parameters: Mapping[str, str], _client: Client, _policy: Policy) -> None:
    if "none" in parameters.get("prompt", "").split(" "):
        # Consent is asked each time, so a response without a page is impossible (confused deputy).
        raise InteractionRequired("The user must be asked, so prompt=none cannot be served.", Reason.PROMPT_NONE)


CHECKS: tuple[Check, ...] = (
    _no_repeated_parameter,
    _no_request_object,
    _response_type,
    _response_mode,
    _state,
    _challenge,
    _dpop_key,
    _resource,
    _scopes,
    _prompt,
)
"""The checks of a request whose redirect target is trusted, in this order; each returns or raises."""
